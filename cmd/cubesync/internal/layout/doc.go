// Package layout keeps the shape of the code: which folder may import what, which package alone uses a library, and
// where the environment, flags and signals are read. It is all test; nothing imports it. The linter's depguard says
// the same in an editor, without the reasons and blind to files under a build tag.
package layout
