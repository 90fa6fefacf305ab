package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// module is the path of the repository's module.
const module = "github.com/containernetworking/plugins/"

// code is the Go code of the repository, parsed as far as somebody asked.
type code struct {
	root    string
	sources map[string]*source
}

// source is a package.
type source struct {
	*code
	dir string
	// doc is the comment of the package.
	doc string
	// types and vars are its declarations by name.
	types map[string]declaration
	vars  map[string]declaration
}

// declaration of a type or variable.
type declaration struct {
	expr ast.Expr
	doc  *ast.CommentGroup
	file *ast.File
}

// library returns the package of a plugin in a directory below its own: the one that has its
// help.
func (c *code) library(dir string) (*source, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		s, err := c.parse(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, err
		}
		if _, ok := s.vars["help"]; ok {
			return s, nil
		}
	}
	return nil, fmt.Errorf("%s has no package with a variable help", dir)
}

func (c *code) parse(dir string) (*source, error) {
	if s := c.sources[dir]; s != nil {
		return s, nil
	}
	s := &source{code: c, dir: dir, types: map[string]declaration{}, vars: map[string]declaration{}}
	c.sources[dir] = s
	paths, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return nil, err
	}
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
		if err != nil {
			return nil, err
		}
		if file.Doc != nil {
			s.doc = file.Doc.Text()
		}
		for _, d := range file.Decls {
			if d, ok := d.(*ast.GenDecl); ok {
				s.declare(file, d)
			}
		}
	}
	return s, nil
}

func (s *source) declare(file *ast.File, d *ast.GenDecl) {
	for _, spec := range d.Specs {
		switch spec := spec.(type) {
		case *ast.TypeSpec:
			s.types[spec.Name.Name] = declaration{spec.Type, either(spec.Doc, d.Doc), file}
		case *ast.ValueSpec:
			for _, name := range spec.Names {
				s.vars[name.Name] = declaration{doc: either(spec.Doc, d.Doc), file: file}
			}
		}
	}
}

func either(a, b *ast.CommentGroup) *ast.CommentGroup {
	if a != nil {
		return a
	}
	return b
}

// imported returns the package that a file imports under a name: nil if it is none of the
// repository's.
func (c *code) imported(file *ast.File, name string) (*source, error) {
	for _, spec := range file.Imports {
		path, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return nil, err
		}
		known := filepath.Base(path)
		if spec.Name != nil {
			known = spec.Name.Name
		}
		if known != name {
			continue
		}
		dir, ours := strings.CutPrefix(path, module)
		if !ours {
			return nil, nil
		}
		return c.parse(filepath.Join(c.root, dir))
	}
	return nil, fmt.Errorf("nothing is imported as %s", name)
}

// directives returns the arguments of all directives schema:NAME of a comment.
func directives(doc *ast.CommentGroup, name string) []string {
	if doc == nil {
		return nil
	}
	var all []string
	for _, line := range doc.List {
		if rest, ok := strings.CutPrefix(line.Text, "//schema:"+name); ok && (rest == "" || rest[0] == ' ') {
			all = append(all, strings.TrimSpace(rest))
		}
	}
	return all
}
