package layout

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"strconv"
	"strings"
)

// module is the import path of the tree's root.
const module = "cubesync"

// file is a Go file of the tree, whatever its build tags.
type file struct {
	name    string // slash-separated, from the root: sync/plan/plan.go
	test    bool
	imports []use
	calls   []use // selectors on imported packages: os.Getenv, time.Now
}

// use is something that a file names: an import path, or a path and a name in it.
type use struct {
	name string
	line int
}

func (f file) folder() string { return path.Dir(f.name) }

// unit is the package that rules speak of: sync/plan for sync/plan itself and for everything below it.
func (f file) unit() string { return unitOf(f.folder()) }

func unitOf(folder string) string {
	parts := strings.SplitN(folder, "/", 3)
	return path.Join(parts[:min(2, len(parts))]...)
}

// ours returns the folder that an import path of this module stands for.
func ours(importPath string) (folder string, ok bool) {
	return strings.CutPrefix(importPath, module+"/")
}

// within reports whether a path is root or below it.
func within(p, root string) bool {
	return p == root || strings.HasPrefix(p, root+"/")
}

// readTree reads the Go files of the module at the root of fsys, except what the go command passes over too: other
// modules, testdata, and folders that start with a dot or an underscore.
func readTree(fsys fs.FS) ([]file, error) {
	var files []file
	err := fs.WalkDir(fsys, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && name != "." && passedOver(fsys, name):
			return fs.SkipDir
		case entry.IsDir() || path.Ext(name) != ".go":
			return nil
		}
		read, err := readFile(fsys, name)
		files = append(files, read)
		return err
	})
	return files, err
}

func passedOver(fsys fs.FS, folder string) bool {
	base := path.Base(folder)
	if base == "testdata" || base == "vendor" || strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") {
		return true
	}
	_, err := fs.Stat(fsys, path.Join(folder, "go.mod"))
	return err == nil
}

func readFile(fsys fs.FS, name string) (file, error) {
	source, err := fs.ReadFile(fsys, name)
	if err != nil {
		return file{}, err
	}
	positions := token.NewFileSet()
	syntax, err := parser.ParseFile(positions, name, source, parser.SkipObjectResolution)
	if err != nil {
		return file{}, fmt.Errorf("read the imports: %w", err)
	}
	read := file{name: name, test: strings.HasSuffix(name, "_test.go")}
	local := map[string]string{} // name in this file → import path
	for _, spec := range syntax.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return file{}, fmt.Errorf("%s: import %s: %w", name, spec.Path.Value, err)
		}
		read.imports = append(read.imports, use{imported, positions.Position(spec.Pos()).Line})
		local[path.Base(imported)] = imported
		if spec.Name != nil {
			delete(local, path.Base(imported))
			local[spec.Name.Name] = imported
		}
	}
	ast.Inspect(syntax, func(node ast.Node) bool {
		selector, ok := node.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if left, ok := selector.X.(*ast.Ident); ok && local[left.Name] != "" {
			called := local[left.Name] + "." + selector.Sel.Name
			read.calls = append(read.calls, use{called, positions.Position(selector.Pos()).Line})
		}
		return true
	})
	return read, nil
}
