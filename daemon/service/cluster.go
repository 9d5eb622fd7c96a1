package service

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"moed/daemon"
	"moed/daemon/api"
	"moed/daemon/cluster"
	"moed/daemon/team"
	"moed/offload/budget"
)

// crew is this host's part in a cluster: lead or member, or neither.
type crew struct {
	node   *cluster.Node
	lead   *team.Lead
	member *team.Member
}

// checkCluster reports what of the cluster's keys does not go together.
func (c *Config) checkCluster() error {
	joins := c.Join != "" || c.Invitation != "" && c.Cluster == ""
	switch {
	case c.Cluster != "" && c.Join != "":
		return errors.New("a host is the coordinator, with cluster, or a member, with join")
	case c.Cluster == "" && len(c.Plans) > 0:
		return errors.New("plan is the coordinator's: set cluster")
	case !joins && c.Room != "":
		return errors.New("room is what a member gives to a cluster: set join or invitation")
	case c.Cluster == "" && !joins && c.Name != "":
		return errors.New("name is this host's in a cluster: set cluster, or join")
	}
	if c.Room != "" {
		if _, err := budget.ParseSize(c.Room); err != nil {
			return fmt.Errorf("room: %w", err)
		}
	}
	for _, path := range append([]string{c.Invitation, c.ClusterDir}, c.Plans...) {
		if path != "" && !filepath.IsAbs(path) {
			return fmt.Errorf("%q: want an absolute path", path)
		}
	}
	return nil
}

// coordinates and joins report which part this host has.
func (c *Config) coordinates() bool { return c.Cluster != "" }
func (c *Config) joins() bool       { return c.Cluster == "" && (c.Join != "" || c.Invitation != "") }

// external reports whether the coordinator's NATS is another process.
func (c *Config) external() bool { return strings.Contains(c.Cluster, "://") }

// nodeOptions are those of this host's node.
func (c *Config) nodeOptions() cluster.Options {
	o := cluster.Options{Name: c.Name, Invitation: c.Invitation, Dir: c.ClusterDir}
	switch {
	case !c.coordinates():
		o.Join = c.Join
	case c.external():
		o.Join, o.Lead = c.Cluster, true
	default:
		o.Listen = c.Cluster
	}
	if o.Name == "" && (c.coordinates() || c.Invitation == "") {
		o.Name = hostName()
	}
	return o
}

// hostName is this machine's name as a cluster takes it.
func hostName() string {
	name, _ := os.Hostname() // without one it is called as what it does
	name, _, _ = strings.Cut(name, ".")
	name = regexp.MustCompile(`[^A-Za-z0-9-]+`).ReplaceAllString(name, "-")
	name = strings.Trim(name[:min(len(name), 32)], "-")
	if name == "" {
		return "coordinator"
	}
	return name
}

// enlist has this host meet the others of its cluster, before there are models.
func (s *service) enlist() (err error) {
	c := &s.config
	if !c.coordinates() && !c.joins() {
		return nil
	}
	o := c.nodeOptions()
	o.Log = s.log
	if s.crew.node, err = cluster.Open(context.Background(), o); err != nil {
		return fmt.Errorf("cluster: %w", err)
	}
	if !c.coordinates() {
		return nil
	}
	s.crew.lead, err = team.NewLead(s.crew.node, s.crew.node.Status().Name, team.Options{Version: s.options.Version, Log: s.log, Plans: c.Plans})
	if err != nil {
		return errors.Join(fmt.Errorf("cluster: %w", err), s.crew.node.Close())
	}
	return nil
}

// shelfOptions are those of the models here: the coordinator's have a team, and a
// member's have what it does not give to the cluster.
func (s *service) shelfOptions(c *Config) (o daemon.ShelfOptions, room int64, err error) {
	o = c.shelf()
	if s.crew.lead != nil {
		o.Engine.Team = s.crew.lead
	}
	if !c.joins() {
		return o, 0, nil
	}
	limits, err := budget.Discover(nil)
	total := budget.Default(limits)
	if c.Memory != "" {
		a, err := budget.ParseSize(c.Memory)
		if err != nil {
			return o, 0, err
		}
		total = a.In(limits.Available)
	}
	if total <= 0 {
		return o, 0, errors.Join(errors.New("how much memory there is cannot be told; set memory"), err)
	}
	room = total - max(total/ownShare, leastOwn)
	if c.Room != "" {
		a, err := budget.ParseSize(c.Room)
		if err != nil {
			return o, 0, err
		}
		room = a.In(total)
	}
	if room <= 0 || room > total-leastOwn/2 {
		return o, 0, fmt.Errorf("room of %d bytes for the cluster: the budget is %d, of which this process needs %d itself", room, total, leastOwn/2)
	}
	o.Engine.Memory = fmt.Sprint(total - room)
	return o, room, nil
}

// What a member keeps of its budget: the process itself, and small models.
const (
	ownShare = 8
	leastOwn = 256 << 20
)

// join offers the room to the cluster.
func (s *service) join(room int64) {
	s.crew.member = team.NewMember(s.crew.node, s.crew.node.Status().Name,
		team.Options{Version: s.options.Version, Log: s.log, Room: room, Threads: s.config.Threads, Models: s.shelf.List})
}

// leave ends this host's part, after its models have been closed.
func (s *service) leave() error {
	var errs []error
	if s.crew.member != nil {
		errs = append(errs, s.crew.member.Close())
	}
	if s.crew.lead != nil {
		s.crew.lead.Close()
	}
	if s.crew.node != nil {
		errs = append(errs, s.crew.node.Close())
	}
	return errors.Join(errs...)
}

// clusterStatus is how this host stands in its cluster; nil without one.
func (s *service) clusterStatus() *api.Cluster {
	if s.crew.node == nil {
		return nil
	}
	at := s.crew.node.Status()
	v := &api.Cluster{Role: at.Role, Name: at.Name, URL: at.URL, Connected: at.Connected, Rejoins: at.Rejoins}
	var refused map[string]string
	if s.crew.lead != nil {
		refused = s.crew.lead.Refused()
	}
	for _, m := range at.Members {
		b := api.Member{Name: m.Name, Version: m.Version, Kernels: m.Kernels, Threads: m.Threads, Room: m.Bytes, Seen: m.Seen, Refused: refused[m.Name]}
		for _, h := range m.Models {
			name, _, _ := strings.Cut(h.ID, "@")
			b.Models = append(b.Models, api.Holding{Name: name, Room: h.Room, Experts: h.Experts, Revision: h.Revision})
		}
		v.Members = append(v.Members, b)
	}
	return v
}
