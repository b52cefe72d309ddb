// SPDX-License-Identifier: Apache-2.0

// Renders templates of the chart with Go's own engine, which is Helm's, and prints them as one stream
// of YAML. The functions are those of Helm that the chart uses; toYaml writes JSON, which is YAML.
// usage: gotemplate DOT.json TEMPLATE…
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/template"
)

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func empty(value interface{}) bool {
	truth, _ := template.IsTrue(value)
	return !truth
}

func toYaml(value interface{}) (string, error) {
	text, err := json.Marshal(value)
	return string(text), err
}

func join(between string, values []interface{}) string {
	words := []string{}
	for _, value := range values {
		words = append(words, fmt.Sprint(value))
	}
	return strings.Join(words, between)
}

func dict(pairs ...interface{}) map[string]interface{} {
	out := map[string]interface{}{}
	for at := 0; at+1 < len(pairs); at += 2 {
		out[pairs[at].(string)] = pairs[at+1]
	}
	return out
}

func main() {
	functions := template.FuncMap{
		"quote":  func(value interface{}) string { return fmt.Sprintf("%q", fmt.Sprint(value)) },
		"toYaml": toYaml,
		"toJson": toYaml,
		"join":   join,
		"dict":   dict,
		"indent": func(width int, text string) string {
			pad := strings.Repeat(" ", width)
			return pad + strings.ReplaceAll(text, "\n", "\n"+pad)
		},
		"default": func(otherwise, value interface{}) interface{} {
			if empty(value) {
				return otherwise
			}
			return value
		},
	}
	text, err := os.ReadFile(os.Args[1])
	must(err)
	var dot map[string]interface{}
	must(json.Unmarshal(text, &dot))
	for _, path := range os.Args[2:] {
		parsed, err := template.New(filepath.Base(path)).Funcs(functions).Option("missingkey=error").ParseFiles(path)
		must(err)
		must(parsed.Execute(os.Stdout, dot))
		fmt.Println("\n---")
	}
}
