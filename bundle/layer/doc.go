// Package layer unpacks the layers of an image into a root filesystem (layer.md
// of the image specification), and packs a root filesystem into an archive.
//
// Layers are hostile until they are unpacked. Each directory is opened by its
// descriptor, one component at a time and without following symbolic links, so
// that nothing in a layer can name a file outside of the root.
package layer
