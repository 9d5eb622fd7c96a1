// Package policy estimates when an expert is wanted next.
package policy
