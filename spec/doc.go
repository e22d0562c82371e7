// Package spec reads, checks and answers questions about a bundle's
// config.json, as the OCI Runtime Specification 1.0.0 to 1.3.0 defines it.
//
// Parse turns bytes into a [specs.Spec] and reports every error of form; Check
// applies the rules of the specification's text; Load does both for a bundle
// and is what create uses. The rules are those of the text, with runc's
// practice where the text is silent: what runc takes from an engine is never
// an Error here.
//
// # How JSON is read
//
// Property names are matched exactly, as the specification and crun do.
// encoding/json (and so runc) takes "Args" for "args" too; here it is an
// unknown property, ignored as the specification demands, with a Warning. A
// property that occurs twice in one object is an Error, because readers differ
// about which one counts. The document must be UTF-8, at most [MaxSize] bytes,
// with nothing behind its value.
package spec
