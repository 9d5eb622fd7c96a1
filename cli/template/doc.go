// Package template reads templates of prompts.
//
// # What
//
// A template is a YAML file with what would else be said in flags: prompt,
// system, model, options, fragments, system_fragments, tools, schema (or
// schema_object), extract, extract_last, and defaults of its variables. A
// file that holds nothing but a text is a prompt.
//
// # Nouns
//
// A Template is what such a file says. Its prompt and system text may have
// variables, $name or ${name}; $$ is a dollar sign. $input is what the user
// says; a prompt without it stands before that.
//
// # Caveats
//
// Templates are data: nothing in them is run. Keys that are not known are an
// error, since a misspelt one would be ignored in silence.
package template
