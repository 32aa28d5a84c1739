package main

import (
	"fmt"
	"os"
	"strings"
)

// build identifies the program: by its version where that names a commit, and otherwise by the file too, because two
// programs of no version may make something else of the same record.
func build(version string) string {
	if version != "unreleased" && version != "unknown" && !strings.HasSuffix(version, "-dirty") {
		return version
	}
	path, err := os.Executable()
	if err != nil {
		return version
	}
	file, err := os.Stat(path)
	if err != nil {
		return version
	}
	return fmt.Sprintf("%s of %d bytes, made at %s", version, file.Size(), file.ModTime())
}
