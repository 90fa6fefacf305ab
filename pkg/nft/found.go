package nft

import (
	"bytes"
	"iter"

	"golang.org/x/sys/unix"
)

// FoundRule is a rule that exists. Anybody may have made it.
type FoundRule struct {
	Handle  uint64
	Comment string

	expressions attributes
}

func decodeRule(body attributes) FoundRule {
	var r FoundRule
	for kind, data := range body.all() {
		switch kind {
		case unix.NFTA_RULE_HANDLE:
			r.Handle = data.number()
		case unix.NFTA_RULE_USERDATA:
			r.Comment = commentOf(data)
		case unix.NFTA_RULE_EXPRESSIONS:
			r.expressions = data
		}
	}
	return r
}

// Has reports whether the data are somewhere in the rule's steps.
func (r FoundRule) Has(data []byte) bool { return bytes.Contains(r.expressions, data) }

// Exprs returns the steps of the rule in their order.
func (r FoundRule) Exprs() iter.Seq[FoundExpr] {
	return func(yield func(FoundExpr) bool) {
		for _, expression := range r.expressions.all() {
			name := text(expression.first(unix.NFTA_EXPR_NAME))
			if !yield(FoundExpr{name, expression.first(unix.NFTA_EXPR_DATA)}) {
				return
			}
		}
	}
}

// FoundExpr is a step of a rule that exists.
type FoundExpr struct {
	// Name is what the kernel calls its kind: "payload", "cmp".
	Name string

	data attributes
}

// Data returns the attribute that is reached by the types, from the outside in, or
// nil.
func (e FoundExpr) Data(path ...uint16) []byte {
	data := e.data
	for _, kind := range path {
		data = data.first(kind)
	}
	return data
}

// Number returns an attribute that is a number, or 0.
func (e FoundExpr) Number(path ...uint16) uint32 { return uint32(attributes(e.Data(path...)).number()) }

// Text returns an attribute that is a text, or "".
func (e FoundExpr) Text(path ...uint16) string { return text(e.Data(path...)) }
