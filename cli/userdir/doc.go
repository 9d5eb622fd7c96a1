// Package userdir says where a user's files are, and writes them.
//
// # What
//
// Settings are in $XDG_CONFIG_HOME/moed, by default ~/.config/moed; what moed
// keeps is in $XDG_DATA_HOME/moed, by default ~/.local/share/moed: the history
// logs.db and the directory of models. Where $MOED_USER_PATH is set, all of it
// is in that one directory.
//
// # Nouns
//
// Config and Data are the two directories, Models is the one of models. Write
// replaces a file whole, List keeps names and texts in a JSON file.
//
// # Caveats
//
// Nothing is made before there is something to write. Directories are made
// for their owner alone (0700), and so are files (0600). All functions may be
// called by many goroutines and processes; of two that write the same file one
// wins, and neither leaves half of it.
package userdir
