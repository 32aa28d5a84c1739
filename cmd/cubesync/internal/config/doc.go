// Package config reads and checks cubesync's configuration, and is the only one that knows YAML. What it hands on is
// plain and resolved: paths are absolute, secrets are what they refer to, defaults are filled in.
//
// Checking touches nothing but the configuration and the files that its secrets and certificates lie in: no source, no
// state, no network.
//
// # How a file is read
//
//	yaml.go      text → a tree of values with their positions (value.go), without what YAML can do and we don't want
//	node.go      typed access to that tree; each wrong value is a complaint at its position, and reading goes on
//	object.go    the same for keys: unknown, doubled, missing
//	secret.go    ${NAME} and file:PATH
//	the others   one section of the file each, with the rules that hold in it and between it and others
//
// So one reading finds everything that is wrong. A section that couldn't be read says so once: rules that depend on it
// stay silent.
package config
