// Package jinja renders the dialect of Jinja that chat templates are written
// in, from sources that nobody has vetted.
//
// # Nouns
//
// A [Template] is a parsed source. [Vars] are the values a rendering starts
// from, decoded from JSON by [Decode] with the order of keys kept. [Limits]
// bound what one rendering may cost. A [RefusedError] is the template's own
// raise_exception.
//
// # Dialect
//
// Expressions, statements, filters and tests follow Jinja 3.1 as transformers
// sets it up for chat templates: trim_blocks and lstrip_blocks, loop controls,
// the immutable sandbox (no method changes a value), tojson as Python's
// json.dumps with ensure_ascii off, raise_exception and strftime_now; added is
// from_json, which some templates use.
// Whatever reads another template (include, import, extends, block) is a parse
// error: nothing here opens a file.
//
// # Caveats
//
// A template cannot be trusted to end, nor to stay small. Each evaluation,
// each byte made and each level of nesting is charged before it happens, in the
// caller's goroutine, so that the worst source costs a fraction of a second and
// some tens of megabytes and ends in an error. This is why the language is
// implemented here: the engines at hand cannot be stopped halfway, and an
// overflown Go stack cannot be recovered from.
//
// Left out: string formatting (the % operator on strings, format), the filters
// batch, slice, groupby, pprint, random and those about HTML and URLs, and the
// marking of strings as safe, since nothing is escaped.
package jinja
