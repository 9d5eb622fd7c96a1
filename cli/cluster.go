package cli

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v2"

	"moed/daemon/api"
	"moed/daemon/cluster"
)

func clusterCommand(u *ui) *cli.Command {
	dir := &cli.StringFlag{Name: "cluster-dir", Usage: "the coordinator keeps its keys in `DIR`, by default that of its settings"}
	asJSON := switchFlag("json", "print JSON")
	g := group("cluster", "let other hosts compute experts",
		&cli.Command{Name: "status", Usage: "show the hosts and what they compute", ArgsUsage: "[--json]", Flags: []cli.Flag{hostFlag(), asJSON},
			Action: func(c *cli.Context) error { return clusterStatus(c, u) }},
		&cli.Command{Name: "invite", Usage: "write a file that a host joins with", ArgsUsage: "NAME [-o FILE] [--url URL]", Flags: []cli.Flag{dir,
			&cli.StringFlag{Name: "out", Aliases: []string{"o"}, Usage: "write to `FILE`", DefaultText: "NAME.invitation"},
			&cli.StringSliceFlag{Name: "url", Usage: "the host finds the coordinator at `URL`, tls://host:port; repeatable", DefaultText: "this machine's name"}},
			Action: func(c *cli.Context) error { return invite(c, u) }},
		&cli.Command{Name: "revoke", Usage: "let a host in no more", ArgsUsage: "NAME", Flags: []cli.Flag{dir},
			Action: func(c *cli.Context) error { return revokeHost(c, u) }},
	)
	g.Description = "On the coordinator: moed serve --cluster :4222, and for each other host moed cluster invite NAME. There, with\n" +
		"that file and the same model: moed serve --invitation NAME.invitation. The file is a secret: it lets in whoever\n" +
		"has it. A coordinator that runs takes changes in within a second."
	return g
}

// usualPort is where NATS listens.
const usualPort = "4222"

// clusterAt says where the coordinator's keys are, and where it is found.
func clusterAt(c *cli.Context) (dir, url string, err error) {
	config, err := readServeConfig("")
	if err == nil {
		err = furnish(&config)
	}
	if err != nil {
		return "", "", err
	}
	if dir = either(c.String("cluster-dir"), config.ClusterDir); dir == "" {
		if dir, err = clusterDir(); err != nil {
			return "", "", err
		}
	}
	host, port, err := net.SplitHostPort(config.Cluster)
	if err != nil {
		host, port = "", usualPort
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		if host, err = os.Hostname(); err != nil {
			return "", "", fmt.Errorf("where this machine is found: %w; say it with --url", err)
		}
	}
	return dir, "tls://" + net.JoinHostPort(host, port), nil
}

func invite(c *cli.Context, u *ui) error {
	if c.NArg() != 1 {
		return usagef("cluster invite wants one name, found %d", c.NArg())
	}
	dir, url, err := clusterAt(c)
	if err != nil {
		return err
	}
	name, urls := c.Args().First(), c.StringSlice("url")
	if len(urls) == 0 {
		urls = []string{url}
	}
	path := either(c.String("out"), name+".invitation")
	if _, err := os.Lstat(path); err == nil {
		return withHint(fmt.Errorf("%s: %w", path, errTaken), "remove it, or choose another name with -o")
	}
	v, err := cluster.Invite(dir, name, urls)
	switch {
	case errors.Is(err, cluster.ErrName):
		return usageError{err}
	case errors.Is(err, cluster.ErrInvited):
		return withHint(err, "moed cluster revoke %s", name)
	case err != nil:
		return err
	}
	if err := v.Write(path); err != nil {
		return errors.Join(err, cluster.Revoke(dir, name))
	}
	if _, err := fmt.Fprintln(u.std.Out, path); err != nil {
		return err
	}
	u.sayf("bring it to %s, which finds this machine at %s: moed serve --invitation %s", name, urls[0], path)
	return nil
}

func revokeHost(c *cli.Context, u *ui) error {
	if c.NArg() != 1 {
		return usagef("cluster revoke wants one name, found %d", c.NArg())
	}
	dir, _, err := clusterAt(c)
	if err != nil {
		return err
	}
	if err := cluster.Revoke(dir, c.Args().First()); err != nil {
		return err
	}
	u.sayf("%s is let in no more", c.Args().First())
	return nil
}

func clusterStatus(c *cli.Context, u *ui) error {
	client := &api.Client{Address: c.String("host")}
	s, err := client.Status(c.Context)
	if err != nil {
		return ofDaemon(err)
	}
	if s.Cluster == nil {
		if !s.Admin {
			return errors.New("only administrators are told of the cluster")
		}
		return withHint(errors.New("the daemon is in no cluster"), "moed cluster -h says how to make one")
	}
	if c.Bool("json") {
		return writeJSON(u.std.Out, s.Cluster)
	}
	return writeCluster(u.std.Out, s)
}

func writeCluster(out io.Writer, s *api.Status) error {
	v := s.Cluster
	state := "connected"
	if !v.Connected {
		state = "not connected"
	}
	fmt.Fprintf(out, "%s %s, %s at %s\n", v.Role, clean(v.Name), state, clean(v.URL))
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	if len(v.Members) > 0 {
		fmt.Fprintln(w, "\nHOST\tVERSION\tROOM\tMODEL\tIN MEMORY\tPLAN\tSEEN")
	}
	for _, m := range v.Members {
		if len(m.Models) == 0 {
			m.Models = []api.Holding{{Name: "-"}}
		}
		for _, h := range m.Models {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d experts\t%s\t%s\n", clean(m.Name), clean(m.Version), bytesText(m.Room), clean(h.Name), h.Experts,
				orDash(h.Revision > 0, fmt.Sprint(h.Revision)), time.Since(m.Seen).Round(100*time.Millisecond).String()+" ago")
		}
	}
	for _, m := range v.Members {
		if m.Refused != "" {
			fmt.Fprintf(w, "%s is not asked: it %s\n", clean(m.Name), clean(m.Refused))
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return writeHosts(out, s.Models)
}

// writeHosts prints what became of the requests to other hosts.
func writeHosts(out io.Writer, models []api.Model) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for i := range models {
		m := &models[i]
		if len(m.Hosts) == 0 {
			continue
		}
		fmt.Fprintf(w, "\n%s, plan %d\nHOST\tSTATE\tASKED\tLATE\tFAILED\tEXPERTS\tINSTEAD\tP50\tP99\tMOVED\tP50\tP99\n", clean(m.Name), m.PlanRevision)
		for _, h := range m.Hosts {
			fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%d\t%d\t%d\t%s\t%s\t%d\t%s\t%s\n", clean(h.Name), stateWhy(&h), h.Asked, h.Late, h.Failed, h.Experts, h.Instead,
				timeText(time.Duration(h.P50*1e9)), timeText(time.Duration(h.P99*1e9)),
				h.Moved, timeText(time.Duration(h.MoveP50*1e9)), timeText(time.Duration(h.MoveP99*1e9)))
		}
		for _, name := range m.Rounded {
			fmt.Fprintf(w, "%s answers in f16, as the plan wants: texts repeat, but are not those of one host\n", clean(name))
		}
	}
	return w.Flush()
}

func stateWhy(h *api.Host) string {
	if h.Why == "" {
		return h.State
	}
	return h.State + ": " + clean(h.Why)
}
