package budget

import (
	"io/fs"
	"path"
	"strings"
)

// mount is a place where a hierarchy of control groups can be seen.
type mount struct {
	point string // in the file system, without the leading slash
	root  string // the group that it shows as its top
	v1    bool
}

// mounts lists those of version 2, and those of version 1 that have memory.
func mounts(root fs.FS) []mount {
	var found []mount
	for line := range lines(root, "proc/self/mountinfo") {
		// 36 35 98:0 /root /point options [tags...] - type source superoptions
		mounted, system, ok := strings.Cut(line, " - ")
		at, kind := strings.Fields(mounted), strings.Fields(system)
		if !ok || len(at) < 5 || len(kind) < 3 {
			continue
		}
		v1 := kind[0] == "cgroup" && has(kind[2], "memory")
		if !v1 && kind[0] != "cgroup2" {
			continue
		}
		found = append(found, mount{point: relative(unescape(at[4])), root: unescape(at[3]), v1: v1})
	}
	return found
}

// best is the mount that shows the most groups above own; where none shows own,
// the first.
func best(all []mount, v1 bool, own string) (mount, bool) {
	var m mount
	found, holds := false, false
	for _, c := range all {
		if c.v1 != v1 {
			continue
		}
		_, ok := c.below(own)
		if !found || ok && (!holds || len(c.root) < len(m.root)) {
			m, found, holds = c, true, ok
		}
	}
	return m, found
}

// below is where a group lies below the mount's top: "." for the top itself,
// and, with false, where it does not lie below. A group that lies above what
// this process may see begins with "/..".
func (m mount) below(own string) (string, bool) {
	top := strings.TrimSuffix(m.root, "/")
	if own == top || own == m.root {
		return ".", true
	}
	rest, ok := strings.CutPrefix(own, top+"/")
	if !ok || strings.HasPrefix(rest, "..") {
		return ".", false
	}
	return relative(rest), true
}

// relative is a path below a root as package fs has it: without a slash at its
// beginning, "." for the root, and never above it.
func relative(name string) string {
	return path.Clean("./" + path.Clean("/" + name)[1:])
}

// unescape undoes the octal escapes of mountinfo: \040 is a space.
func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) && octal(s[i+1]) && octal(s[i+2]) && octal(s[i+3]) {
			b.WriteByte((s[i+1]-'0')<<6 | (s[i+2]-'0')<<3 | (s[i+3] - '0'))
			i += 3
			continue
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

func octal(c byte) bool { return c >= '0' && c <= '7' }
