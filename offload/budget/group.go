package budget

import (
	"io/fs"
	"path"
	"strconv"
	"strings"
)

// group is a control group of memory, as a directory.
type group struct {
	dir  string // in the file system, without the leading slash
	name string // in the hierarchy: "/user.slice/foo"
	v1   bool
	own  bool // the inmost that can be seen
	top  bool // the outmost that can be seen
}

func (g group) file(name string) string { return path.Join(g.dir, name) }

// groups lists the control groups that hold this process, in each hierarchy
// that may limit memory, from the inmost to the outmost that can be seen.
// Containers see only a part of the hierarchy, some without their own
// directory in it; then the list begins at the nearest one above.
func groups(root fs.FS) []group {
	all := mounts(root)
	var found []group
	for line := range lines(root, "proc/self/cgroup") {
		_, rest, _ := strings.Cut(line, ":") // hierarchy:controllers:path
		controllers, own, ok := strings.Cut(rest, ":")
		v1 := controllers != ""
		if !ok || v1 && !has(controllers, "memory") {
			continue
		}
		if m, ok := best(all, v1, own); ok {
			found = append(found, m.upward(root, own)...)
		}
	}
	return found
}

// upward lists the groups from own, or the first above it that exists, to the
// root of the mount.
func (m mount) upward(root fs.FS, own string) []group {
	below, _ := m.below(own)
	for ; below != "."; below = path.Dir(below) {
		if info, err := fs.Stat(root, path.Join(m.point, below)); err == nil && info.IsDir() {
			break
		}
	}
	var found []group
	for {
		found = append(found, group{
			dir:  path.Join(m.point, below),
			name: path.Join(m.root, below),
			v1:   m.v1,
			own:  len(found) == 0,
			top:  below == ".",
		})
		if below == "." {
			return found
		}
		below = path.Dir(below)
	}
}

// levels are the limits that the group sets. At the outmost group of version 1
// they may include one of groups that are out of sight.
func (g group) levels(root fs.FS, held int64) []Level {
	var found []Level
	used := max(g.use(root)-held, 0)
	limit, limited := g.limit(root)
	if limited {
		found = append(found, Level{Kind: Group, Name: "control group " + g.name, Limit: limit, Others: used})
	}
	if g.top && g.v1 {
		// What others use of a limit further out cannot be known.
		all, ok := count(fields(root, g.file("memory.stat"))["hierarchical_memory_limit"])
		if ok && (!limited || all < limit) {
			found = append(found, Level{Kind: Group, Name: "control group above " + g.name, Limit: all, Others: used})
		}
	}
	return found
}

// limit is the least of the group's own limits in bytes. A group of version 1
// may be set not to count what its children use; then it does not limit us.
func (g group) limit(root fs.FS) (limit int64, limited bool) {
	if g.v1 {
		if counts, ok := number(root, g.file("memory.use_hierarchy")); !g.own && ok && counts == 0 {
			return 0, false
		}
		return number(root, g.file("memory.limit_in_bytes"))
	}
	limit, limited = number(root, g.file("memory.max"))
	if high, ok := number(root, g.file("memory.high")); ok && (!limited || high < limit) {
		limit, limited = high, true
	}
	return limit, limited
}

// use is what the group and those below use, in bytes, less page cache.
func (g group) use(root fs.FS) int64 {
	file, prefix := "memory.current", ""
	if g.v1 {
		file, prefix = "memory.usage_in_bytes", "total_"
	}
	used, _ := number(root, g.file(file))
	stat := fields(root, g.file("memory.stat"))
	active, _ := count(stat[prefix+"active_file"])
	inactive, _ := count(stat[prefix+"inactive_file"])
	return max(used-active-inactive, 0)
}

// unlimited is above any memory. Kernels write "no limit" as the largest number
// of pages in bytes, which depends on their page size.
const unlimited = 1 << 60

// number reads a file that has one number, of bytes. It is false where there is
// none, or the word max, or one that means no limit.
func number(root fs.FS, name string) (int64, bool) {
	data, err := fs.ReadFile(root, name)
	if err != nil {
		return 0, false
	}
	return count(strings.TrimSpace(string(data)))
}

func count(s string) (int64, bool) {
	n, err := strconv.ParseUint(s, 10, 64)
	return int64(n), err == nil && n < unlimited
}

// has reports whether a list with commas has the word.
func has(list, word string) bool {
	for s := range strings.SplitSeq(list, ",") {
		if s == word {
			return true
		}
	}
	return false
}
