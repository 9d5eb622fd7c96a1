package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"moed/cli/logbook"
	"moed/cli/template"
	"moed/daemon"
)

// ask is how a model is to be asked: what flags, settings, a template and a
// conversation that goes on say together.
type ask struct {
	config daemon.Config
	where  place
	model  string // as it was named; "" is the default

	system                     string
	fragments, systemFragments []logbook.Fragment // of the next prompt
	stdinRead                  bool               // a fragment was standard input
	template                   *template.Template // or nil
	params                     map[string]string
	options                    []string // KEY=VALUE, of flags
	seed                       uint64   // where no option says
	maxTokens, logProbs        int
	schema                     json.RawMessage
	raw                        bool

	tools   []tool
	approve bool
	limit   int // of answers in a row that call tools; 0 is none

	conversation logbook.Conversation
	past         []logbook.Response

	show show
	logs logs
}

// show is how an answer is shown.
type show struct {
	json, whole, reasoning, usage, calls bool
	extract, extractLast                 bool
}

// newAsk reads the flags of c, and what they name.
func newAsk(c *cli.Context, u *ui) (a *ask, err error) {
	a = &ask{config: configOf(c), raw: c.Bool("raw"), options: c.StringSlice("option"), seed: uint64(rand.Uint32()),
		logProbs: c.Int("logprobs"), approve: c.Bool("tools-approve"), limit: c.Int("chain-limit")}
	if err := a.config.Check(); err != nil {
		return nil, usageError{err}
	}
	if c.IsSet("max-tokens") {
		a.maxTokens = max(0, c.Int("max-tokens"))
	}
	if c.IsSet("seed") {
		a.options = append(a.options, "seed="+c.String("seed"))
	}
	if err := a.shown(c); err != nil {
		return nil, err
	}
	if a.logs, err = logsOf(c); err != nil {
		return nil, err
	}
	if a.where, err = placeOf(c); err != nil {
		return nil, err
	}
	if err := a.fromTemplate(c); err != nil {
		return nil, err
	}
	if err := a.fromFlags(c, u); err != nil {
		return nil, err
	}
	if err := a.goOn(c); err != nil {
		return nil, err
	}
	if a.model, err = a.named(c); err != nil {
		return nil, err
	}
	if a.model, err = a.where.named(a.model); err != nil {
		return nil, err
	}
	_, err = a.request("") // whether the options are right
	return a, err
}

// shown says how the answer is shown.
func (a *ask) shown(c *cli.Context) error {
	a.show = show{json: c.Bool("json"), whole: c.Bool("no-stream"), usage: c.Bool("usage"), calls: c.Bool("tools-debug"),
		extract: c.Bool("extract"), extractLast: c.Bool("extract-last")}
	a.show.reasoning = !c.Bool("json") && !c.Bool("hide-reasoning")
	if a.logProbs != 0 && !a.show.json {
		return usagef("log probabilities are for JSON: --logprobs goes with --json")
	}
	if a.raw && (c.Bool("continue") || c.IsSet("conversation")) {
		return usagef("a raw prompt is no part of a conversation: --raw goes without -c and --cid")
	}
	if a.raw && len(c.StringSlice("tool")) > 0 {
		return usagef("a raw prompt has its own form, which tools are no part of")
	}
	return nil
}

// fromTemplate takes what a template says that flags do not.
func (a *ask) fromTemplate(c *cli.Context) (err error) {
	a.params = map[string]string{}
	for _, pair := range c.StringSlice("param") {
		key, value, _ := strings.Cut(pair, "=")
		a.params[key] = value
	}
	if !c.IsSet("template") {
		if len(a.params) > 0 {
			return usagef("-p sets variables of a template: it goes with -t")
		}
		return nil
	}
	if a.template, err = readTemplate(c.String("template")); err != nil {
		return err
	}
	a.show.extract = a.show.extract || a.template.Extract
	a.show.extractLast = a.show.extractLast || a.template.ExtractLast
	return nil
}

// fromFlags takes system text, fragments, tools and schema.
func (a *ask) fromFlags(c *cli.Context, u *ui) (err error) {
	a.system = c.String("system")
	fragments, systemFragments, names := c.StringSlice("fragment"), c.StringSlice("system-fragment"), c.StringSlice("tool")
	schema, many := c.String("schema"), false
	if c.IsSet("schema-multi") {
		schema, many = c.String("schema-multi"), true
	}
	if t := a.template; t != nil {
		fragments, systemFragments = append(t.Fragments, fragments...), append(t.SystemFragments, systemFragments...)
		names = append(t.Tools, names...)
		if schema == "" {
			if schema, err = t.SchemaText(); err != nil {
				return err
			}
		}
	}
	if a.fragments, err = a.resolve(c.Context, u, fragments); err != nil {
		return err
	}
	if a.systemFragments, err = a.resolve(c.Context, u, systemFragments); err != nil {
		return err
	}
	if a.tools, err = findTools(names); err != nil {
		return err
	}
	if schema != "" {
		a.schema, err = findSchema(c.Context, a.logs.path, schema, many)
	}
	return err
}

// goOn takes up a conversation.
func (a *ask) goOn(c *cli.Context) error {
	id := c.String("conversation")
	if !c.Bool("continue") && id == "" {
		a.conversation = logbook.Conversation{ID: logbook.NewID()}
		return nil
	}
	book, err := logbook.OpenExisting(c.Context, a.logs.path)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no conversation yet to go on with: %s is not there", a.logs.path)
	}
	if err != nil {
		return err
	}
	defer book.Close()
	if id == "" {
		a.conversation, err = book.Latest(c.Context)
	} else {
		a.conversation, err = book.Conversation(c.Context, id)
	}
	if errors.Is(err, logbook.ErrNotFound) {
		return withHint(fmt.Errorf("conversation %s: %w", either(id, "to go on with"), err), "moed logs list --json tells their ids as conversation_id")
	}
	if err != nil {
		return err
	}
	a.past, err = book.List(c.Context, logbook.Query{Conversation: a.conversation.ID})
	return err
}

// named is the model: of a flag, the template, the conversation; or "".
func (a *ask) named(c *cli.Context) (string, error) {
	if terms := c.StringSlice("query"); len(terms) > 0 && c.String("model") == "" {
		return a.where.find(c.Context, terms)
	}
	if name := c.String("model"); name != "" {
		return name, nil
	}
	if a.template != nil && a.template.Model != "" {
		return a.template.Model, nil
	}
	if n := len(a.past); n > 0 {
		return either(a.past[n-1].Resolved, a.past[n-1].Model), nil
	}
	return "", nil
}

// request is what all of a asks of the model of that name, but for the prompt.
func (a *ask) request(model string) (*daemon.Request, error) {
	r := &daemon.Request{Raw: a.raw, Sampling: daemon.DefaultSampling(), LogProbs: a.logProbs, Format: a.schema}
	r.Sampling.Seed = a.seed
	if model != "" {
		set, err := settingList[modelOptions](modelOptionsFile)
		if err != nil {
			return nil, err
		}
		for key, value := range set[model] {
			if err := r.Set(key, value); err != nil {
				return nil, withHint(err, "moed models options clear %s %s", model, key)
			}
		}
	}
	var pairs []string
	if a.template != nil {
		pairs = a.template.OptionPairs()
	}
	for _, pair := range append(pairs, a.options...) {
		key, value, _ := strings.Cut(pair, "=")
		if err := r.Set(key, value); err != nil {
			return nil, usageError{err}
		}
	}
	if a.maxTokens > 0 {
		r.MaxTokens = a.maxTokens
	}
	if a.raw && a.system != "" {
		r.System = a.system // which Check refuses
	}
	if err := r.Check(); err != nil {
		return nil, usageError{err}
	}
	r.System = ""
	return r, nil
}

// begin opens the model.
func (a *ask) begin(ctx context.Context, u *ui) (*talk, error) {
	e, err := a.where.open(ctx, u, a.config, a.model)
	if err != nil {
		return nil, err
	}
	t := &talk{ask: a, e: e, u: u}
	for _, note := range e.Notes() {
		u.sayf("%s", clean(note))
	}
	return t, nil
}

// optionsJSON are the options of flags and template as an object, as they would
// be given again; nil where there are none.
func (a *ask) optionsJSON() json.RawMessage {
	all := map[string]any{}
	var pairs []string
	if a.template != nil {
		pairs = a.template.OptionPairs()
	}
	if a.maxTokens > 0 {
		pairs = append(pairs, "max_tokens="+strconv.Itoa(a.maxTokens))
	}
	for _, pair := range append(pairs, a.options...) {
		key, value, _ := strings.Cut(pair, "=")
		if json.Valid([]byte(value)) { // a number, or an object
			all[key] = json.RawMessage(value)
			continue
		}
		all[key] = value
	}
	if len(all) == 0 {
		return nil
	}
	text, err := json.Marshal(all)
	if err != nil {
		panic(err) // texts and JSON
	}
	return text
}
