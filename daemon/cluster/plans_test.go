package cluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
)

type planned struct {
	revision uint64
	data     string
}

func watchPlan(t *testing.T, n *Node, model string) <-chan planned {
	t.Helper()
	c := make(chan planned, 100)
	stop, err := n.WatchPlan(context.Background(), model, func(revision uint64, data []byte) { c <- planned{revision, string(data)} })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	return c
}

func TestPlans(t *testing.T) {
	home := coordinator(t)
	a := member(t, home, "a")
	ctx := background(t)
	early, own, other := watchPlan(t, a, "m:1"), watchPlan(t, home, "m:1"), watchPlan(t, a, "m:2")
	first, err := home.PutPlan(ctx, "m:1", 0, []byte("one"))
	if err != nil {
		t.Fatal(err)
	}
	for who, c := range map[string]<-chan planned{"member": early, "coordinator": own} {
		if got := <-c; got != (planned{first, "one"}) {
			t.Errorf("%s got %v", who, got)
		}
	}
	for _, expected := range []uint64{0, first + 1, first - 1} {
		if _, err := home.PutPlan(ctx, "m:1", expected, []byte("no")); expected != first && !errors.Is(err, ErrConflict) {
			t.Errorf("expecting revision %d: %v", expected, err)
		}
	}
	if _, err := home.PutPlan(ctx, "m:2", 7, nil); !errors.Is(err, ErrConflict) {
		t.Errorf("expecting a plan where there is none: %v", err)
	}
	second, err := home.PutPlan(ctx, "m:1", first, []byte("two"))
	if err != nil || second <= first {
		t.Fatalf("revision %d, %v", second, err)
	}
	if got := <-early; got != (planned{second, "two"}) {
		t.Errorf("got %v", got)
	}
	if got := <-watchPlan(t, a, "m:1"); got != (planned{second, "two"}) {
		t.Errorf("a late watcher got %v", got)
	}
	if _, err := home.PutPlan(ctx, "m:2", 0, nil); err != nil {
		t.Fatal(err)
	}
	if got := <-other; got.data != "" || got.revision == 0 {
		t.Errorf("got %v of the other model", got)
	}
	if _, err := a.PutPlan(ctx, "m:1", second, nil); !errors.Is(err, ErrNotLead) {
		t.Errorf("a member planned: %v", err)
	}
	if _, err := home.PutPlan(ctx, "m:3", 0, make([]byte, payloadLimit)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("got %v", err)
	}
	big := bytes.Repeat([]byte("p"), payloadLimit-planRoom)
	if _, err := home.PutPlan(ctx, "m:3", 0, big); err != nil {
		t.Fatal(err)
	}
	if got := <-watchPlan(t, a, "m:3"); got.data != string(big) {
		t.Errorf("got %d bytes", len(got.data))
	}
}

// TestPlanRace has many writers and one winner for each revision.
func TestPlanRace(t *testing.T) {
	home := coordinator(t)
	revision := uint64(0)
	for round := range 3 {
		results, known := make(chan uint64, 8), revision
		for i := range cap(results) {
			go func() {
				won, err := home.PutPlan(context.Background(), "m", known, fmt.Append(nil, round, i))
				if err != nil && !errors.Is(err, ErrConflict) {
					t.Error(err)
				}
				results <- won
			}()
		}
		winners := 0
		for range cap(results) {
			if won := <-results; won != 0 {
				winners++
				revision = won
			}
		}
		if winners != 1 {
			t.Fatalf("round %d: %d winners", round, winners)
		}
	}
}

func TestWatchPlanEnds(t *testing.T) {
	home := coordinator(t)
	ctx, cancel := context.WithCancel(context.Background())
	calls := make(chan uint64, 10)
	_, err := home.WatchPlan(ctx, "m", func(revision uint64, _ []byte) { calls <- revision })
	if err != nil {
		t.Fatal(err)
	}
	first, err := home.PutPlan(ctx, "m", 0, nil)
	if err != nil || <-calls != first {
		t.Fatal(err)
	}
	before := home.conn.NumSubscriptions()
	cancel()
	until(t, "the watch ends", func() bool { return home.conn.NumSubscriptions() == before-1 })
	if _, err := home.PutPlan(background(t), "m", first, nil); err != nil {
		t.Fatal(err)
	}
	if len(calls) != 0 {
		t.Error("called after its context ended")
	}
}

// TestRestart closes the coordinator and opens another on its directory and
// port.
func TestRestart(t *testing.T) {
	o := Options{Name: "home", Listen: "127.0.0.1:0", Dir: filepath.Join(t.TempDir(), "cluster")}
	home := open(t, o)
	a := member(t, home, "a")
	serve(t, a, "m", echo)
	a.Announce(Member{Version: "1"})
	revision, err := home.PutPlan(background(t), "m", 0, []byte("one"))
	if err != nil {
		t.Fatal(err)
	}
	plans := watchPlan(t, a, "m")
	if got := <-plans; got != (planned{revision, "one"}) {
		t.Fatalf("got %v", got)
	}
	o.Listen = home.broker.server.Addr().String()
	if err := home.Close(); err != nil {
		t.Fatal(err)
	}
	until(t, "a is apart", func() bool { return !a.Status().Connected })
	home = open(t, o)
	until(t, "a is back", func() bool { return names(home.Members()) == "a" })
	if got, err := home.Ask(background(t), "a", "m", []byte("x")); err != nil || string(got) != "home:x" {
		t.Errorf("got %q, %v", got, err)
	}
	if a.Status().Rejoins == 0 {
		t.Error("no rejoin counted")
	}
	if got := <-watchPlan(t, home, "m"); got != (planned{revision, "one"}) {
		t.Errorf("after the restart %v", got)
	}
	second, err := home.PutPlan(background(t), "m", revision, []byte("two"))
	if err != nil {
		t.Fatal(err)
	}
	if got := <-plans; got != (planned{second, "two"}) {
		t.Errorf("the member got %v", got)
	}
}

// TestFirstComesLater opens a member before its coordinator.
func TestFirstComesLater(t *testing.T) {
	o := Options{Name: "home", Listen: "127.0.0.1:0", Dir: filepath.Join(t.TempDir(), "cluster")}
	home := open(t, o)
	path := invite(t, home, "a", "")
	o.Listen = home.broker.server.Addr().String()
	home.Close()
	a := open(t, Options{Invitation: path})
	serve(t, a, "m", echo)
	a.Announce(Member{})
	if s := a.Status(); s.Connected || s.URL != "" {
		t.Errorf("got %+v", s)
	}
	plans := watchPlan(t, a, "m")
	home = open(t, o)
	until(t, "a comes", func() bool { return names(home.Members()) == "a" })
	if got, err := home.Ask(background(t), "a", "m", nil); err != nil || string(got) != "home:" {
		t.Errorf("got %q, %v", got, err)
	}
	revision, err := home.PutPlan(background(t), "m", 0, []byte("one"))
	if err != nil {
		t.Fatal(err)
	}
	if got := <-plans; got != (planned{revision, "one"}) {
		t.Errorf("got %v", got)
	}
}
