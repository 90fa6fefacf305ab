// Command schema writes, beside the code of each plugin, what that tells of itself: help.txt
// and schema.json. Both are made from the doc comments of its configuration's types.
//
// Of a plugin they are the package's, for a sentence on what it does, and those of the fields
// of Conf, for its keys. In these comments, "Default: X" with one word X is the key's default,
// a field without a comment shares that of the field before it, and these directives tell what
// the types do not:
//
//	//schema:value {"minimum": 1}   of a field or type: what JSON Schema says of the value
//	//schema:required               of a field: the key must be there
//	//schema:omit                   of a field: it is no key of the configuration
//	//schema:conf allocator.Net     of the variable Plugin: its configuration is not Conf
//	//schema:ignores runtimeConfig  of the variable Plugin: it does not use that key
//	//schema:requires master        of the variable Plugin: that key must be there
//	//schema:args MAC text          of the variable Plugin: a key of CNI_ARGS
//	//schema:command repair text    of the variable Plugin: a command, less what it does
package main

import (
	"fmt"
	"log"
	"os"
	"path/filepath"
)

func main() {
	log.SetFlags(0)
	root, err := os.Getwd()
	if err != nil {
		log.Fatal(err)
	}
	plugins, err := find(root)
	if err != nil {
		log.Fatal(err)
	}
	for _, p := range plugins {
		files, err := p.files()
		if err != nil {
			log.Fatalf("%s: %v", p.name, err)
		}
		for path, text := range files {
			if err := os.WriteFile(path, text, 0o644); err != nil {
				log.Fatal(err)
			}
		}
	}
}

// plugin is one of the suite.
type plugin struct {
	name string
	// readme is the path of its README within the repository, and library that of the
	// package.
	readme  string
	root    string
	library *source
}

// find returns the plugins of the repository, in the order of their paths.
func find(root string) ([]*plugin, error) {
	paths, err := filepath.Glob(filepath.Join(root, "plugins/*/*/main.go"))
	if err != nil || len(paths) == 0 {
		return nil, fmt.Errorf("there are no plugins below %s: %w", root, err)
	}
	code := &code{root: root, sources: map[string]*source{}}
	var plugins []*plugin
	for _, path := range paths {
		dir := filepath.Dir(path)
		p := &plugin{name: filepath.Base(dir), root: root}
		if p.readme, err = filepath.Rel(root, filepath.Join(dir, "README.md")); err != nil {
			return nil, err
		}
		if p.library, err = code.library(dir); err != nil {
			return nil, err
		}
		plugins = append(plugins, p)
	}
	return plugins, nil
}

// files returns what is to be in the plugin's files, by their paths.
func (p *plugin) files() (map[string][]byte, error) {
	s, err := p.schema()
	if err != nil {
		return nil, err
	}
	text, err := marshal(s)
	if err != nil {
		return nil, err
	}
	return map[string][]byte{
		filepath.Join(p.library.dir, "schema.json"): text,
		filepath.Join(p.library.dir, "help.txt"):    []byte(p.help(s)),
	}, nil
}
