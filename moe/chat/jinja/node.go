package jinja

// expr is a parsed expression; run.eval evaluates it.
type expr interface {
	eval(r *run, s *scope) (any, error)
}

// stmt is a parsed statement or a piece of text.
type stmt interface {
	exec(r *run, s *scope) error
}

type (
	literal  struct{ v any }
	variable struct{ name string }
	listExpr struct {
		items []expr
		tuple bool
	}
	dictExpr struct{ keys, vals []expr }
	condExpr struct{ cond, yes, no expr } // no may be nil
	logic    struct {
		and         bool
		left, right expr
	}
	notExpr struct{ x expr }
	unary   struct {
		neg bool
		x   expr
	}
	binary struct {
		op          string
		left, right expr
	}
	// compare is a chain: first ops[0] rest[0] ops[1] rest[1] ...
	compare struct {
		first expr
		ops   []string
		rest  []expr
	}
	attribute struct {
		x    expr
		name string
	}
	item  struct{ x, key expr }
	slice struct{ x, start, stop, step expr }
	call  struct {
		fn   expr
		args callArgs
	}
	filter struct {
		x    expr // nil in a filter block: the text goes in
		name string
		args callArgs
	}
	test struct {
		x    expr
		name string
		args callArgs
	}
)

// callArgs are the arguments as written; args are their values.
type callArgs struct {
	pos   []expr
	names []string
	named []expr
}

type (
	text   struct{ s string }
	output struct {
		x    expr
		line int
	}
	ifStmt struct {
		conds  []expr
		bodies [][]stmt // one more than conds when there is an else
		line   int
	}
	forStmt struct {
		targets   []string
		in        expr
		cond      expr // nil without a loop filter
		body      []stmt
		otherwise []stmt
		recursive bool
		line      int
	}
	setStmt struct {
		targets []target
		x       expr     // nil for a block
		body    []stmt   // of a block
		filters []filter // over a block's text
		line    int
	}
	macroStmt struct {
		name     string
		params   []string
		defaults []expr // of the last parameters
		body     []stmt
		varargs  bool // the body speaks of varargs
		kwargs   bool
		line     int
	}
	callBlock struct {
		caller *macroStmt
		x      *call
		line   int
	}
	filterBlock struct {
		filters []filter
		body    []stmt
		line    int
	}
	withStmt struct {
		names []string
		vals  []expr
		body  []stmt
		line  int
	}
	jump struct{ next bool } // continue or break
)

// target is what set assigns to: a variable or an attribute of a namespace.
type target struct{ name, attr string }
