// Package layer unpacks the layers of an image into a root filesystem (layer.md of the image
// specification), and packs a root filesystem into an archive.
//
// Layers are not trusted. Package layer opens each directory by its descriptor, one path component
// at a time and without following symbolic links. No name in a layer can therefore refer to a file
// outside the root.
package layer
