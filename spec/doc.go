// Package spec reads a bundle's config.json, checks it, and answers questions about it. It follows
// the OCI Runtime Specification 1.0.0 to 1.3.0.
//
// Parse decodes bytes into a [specs.Spec] and reports every error of form. Check applies the rules
// in the text of the specification. Load does both for a bundle, and create calls it. Where the
// text is silent, the rules follow runc: a config that an engine sends and runc accepts never gives
// an Error here.
//
// # How JSON is read
//
// Property names are case-sensitive, as in the specification and in crun. encoding/json, and so
// runc, also accepts "Args" for "args". Here "Args" is an unknown property: it is ignored, as the
// specification demands, and gives a Warning. A property that occurs twice in one object is an
// Error, because readers differ about which one counts. The document must be UTF-8 and at most
// [MaxSize] bytes, with nothing after its value.
package spec
