package cluster

import (
	"errors"
	"fmt"
	"strings"
)

const (
	membersBucket = "moed-members"
	plansBucket   = "moed-plans"
	membersPrefix = "$KV." + membersBucket + "."
	plansPrefix   = "$KV." + plansBucket + "."

	askPrefix    = "moed.ask."    // + host + model: requests
	cancelPrefix = "moed.cancel." // + host: reply subjects whose asker went away
	pingPrefix   = "moed.ping."   // + host
	fetchPrefix  = "moed.fetch."  // + host: its question to the coordinator for a plan
	nudgePrefix  = "moed.plan."   // + model: a plan has a new revision
	hello        = "moed.plan.="  // the coordinator is there; no model's token is "="

	leadInbox   = "_INBOX.moed.c." // + host: answers to the coordinator
	memberInbox = "_INBOX.moed.m." // + host: answers to a member

	longestModel = 256
)

// token writes a model's id as one subject token that is a valid key too:
// bytes beyond [A-Za-z0-9-] become =XX.
func token(model string) (string, error) {
	if model == "" || len(model) > longestModel {
		return "", fmt.Errorf("model %.40q: %w", model, errModel)
	}
	var b strings.Builder
	for i := 0; i < len(model); i++ {
		if c := model[i]; plain(c) {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "=%02X", c)
		}
	}
	return b.String(), nil
}

var errModel = errors.New("a model's id has 1 to 256 bytes")

// route joins a prefix, a host and a model to a subject.
func route(prefix, host, model string) (string, error) {
	if err := checkName(host); err != nil {
		return "", err
	}
	t, err := token(model)
	if err != nil {
		return "", err
	}
	return prefix + host + "." + t, nil
}

// service is the name of a host's micro service.
func service(host string) string { return "moed-" + host }
