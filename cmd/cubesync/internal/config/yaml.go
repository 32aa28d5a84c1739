package config

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// Bounds of what is parsed. The parser's time grows with the square of the tokens in one group or of the depth, so
// bytes alone don't bound it.
const (
	maxBytes  = 1 << 20
	maxTokens = 20_000 // some 80 pipelines
)

// parse reads text as YAML: one document, in UTF-8. It returns nil after a complaint. Aliases are never expanded.
func (c *checker) parse(text []byte) *value {
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	start := position{1, 1}
	if len(text) > maxBytes {
		c.complain(start, "", "the file is larger than 1 MiB", "is it the right file?")
		return nil
	}
	if at, bad := invalidUTF8(text); bad {
		c.complain(at, "", "this character is not valid UTF-8", "save the file as UTF-8")
		return nil
	}
	tokens := lexer.Tokenize(string(text))
	if len(tokens) > maxTokens {
		c.complain(start, "", fmt.Sprintf("the file has more than %d words and signs", maxTokens), "split it into several configurations")
		return nil
	}
	// Doubled keys are found by object, which knows both places.
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		c.complainOfSyntax(err)
		return nil
	}
	return c.document(file)
}

// document returns the only document of the file.
func (c *checker) document(file *ast.File) *value {
	var only *value
	for _, document := range file.Docs {
		switch {
		case document.Body == nil:
		case document.Body.Type() == ast.DirectiveType:
			c.complain(placeOf(document.Body), "", "a YAML directive is not understood here", "take this line out")
			return nil
		case only != nil:
			c.complain(firstPlace(document.Body), "", "a second document begins here", "keep one document a file: take the line --- and what follows out")
			return nil
		default:
			root := convert(document.Body)
			only = &root
		}
	}
	if only == nil {
		c.complain(position{1, 1}, "", "the file is empty", "begin with a copy of the config.yaml that comes with cubesync")
	}
	return only
}

func (c *checker) complainOfSyntax(err error) {
	at, problem := position{1, 1}, "this is not YAML"
	var located yaml.Error
	if errors.As(err, &located) {
		if tk := located.GetToken(); tk != nil {
			at = placeOfToken(tk)
		}
		// What the parser puts in quotes is the file's own text, which may be a secret.
		message, _, _ := strings.Cut(located.GetMessage(), `"`)
		problem += ": " + strings.TrimRight(message, ": ")
	}
	c.complain(at, "", problem, "check indentation, quotes and brackets here and in the line above; between { and } put ${NAME} in quotes")
}

// convert takes over what the configuration uses of YAML, without expanding anything.
func convert(node ast.Node) value {
	switch node := node.(type) {
	case nil:
		return value{kind: nullKind}
	case *ast.NullNode:
		if node.GetToken().Type == token.ImplicitNullType {
			return value{kind: nullKind, at: placeOf(node)}
		}
		return scalar(nullKind, node, node.GetToken().Value)
	case *ast.BoolNode:
		return scalar(boolKind, node, node.GetToken().Value)
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return scalar(numberKind, node, node.GetToken().Value)
	case *ast.StringNode:
		return scalar(textKind, node, node.Value)
	case *ast.LiteralNode:
		return scalar(textKind, node, node.Value.Value)
	case *ast.SequenceNode:
		list := value{kind: listKind, at: placeOf(node)}
		for _, item := range node.Values {
			list.items = append(list.items, convert(item))
		}
		return list
	case *ast.MappingNode:
		return group(node, node.Values...)
	case *ast.MappingValueNode:
		return group(node, node)
	default:
		return value{kind: refusedKind, at: placeOf(node)}
	}
}

func scalar(k kind, node ast.Node, text string) value {
	return value{kind: k, at: placeOf(node), text: text}
}

func group(node ast.Node, pairs ...*ast.MappingValueNode) value {
	object := value{kind: objectKind, at: firstPlace(node)}
	for _, pair := range pairs {
		e := entry{at: placeOf(pair.Key), value: convert(pair.Value)}
		e.key, e.plain = plainKey(pair.Key)
		if e.value.kind == nullKind && e.value.text == "" || e.value.kind == objectKind {
			e.value.at = e.at // the first has no place of its own, the second is known by its key
		}
		object.entries = append(object.entries, e)
	}
	return object
}

func plainKey(key ast.MapKeyNode) (text string, plain bool) {
	switch key := key.(type) {
	case *ast.StringNode:
		return key.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.NullNode:
		return key.GetToken().Value, true
	default:
		return "", false
	}
}

// firstPlace is where a node begins: the parser places an object at its first colon.
func firstPlace(node ast.Node) position {
	switch node := node.(type) {
	case *ast.MappingNode:
		if !node.IsFlowStyle && len(node.Values) > 0 {
			return placeOf(node.Values[0].Key)
		}
	case *ast.MappingValueNode:
		return placeOf(node.Key)
	}
	return placeOf(node)
}

func placeOf(node ast.Node) position {
	if tk := node.GetToken(); tk != nil {
		return placeOfToken(tk)
	}
	return position{1, 1}
}

func placeOfToken(tk *token.Token) position {
	return position{tk.Position.Line, tk.Position.Column}
}

// invalidUTF8 finds the first byte that isn't text.
func invalidUTF8(text []byte) (position, bool) {
	at := position{1, 1}
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		if r == utf8.RuneError && size == 1 {
			return at, true
		}
		at.column++
		if r == '\n' {
			at = position{at.line + 1, 1}
		}
		text = text[size:]
	}
	return at, false
}
