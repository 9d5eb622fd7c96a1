// Package screen draws what a daemon does: a picture of moed top.
//
// # What
//
// Draw makes lines of text from a State. Above are the rate, the memory and
// the flash; in the middle a map of layers and experts; below the requests.
// Line is one line of all that, for where there is no room for a picture.
//
// # Nouns
//
// A State is all that a picture depends on. A Look is the terminal: its cells,
// and whether it has colours. In the map a cell's upper half is how much an
// expert is used and its lower half whether it is in memory; without colours,
// bars are experts in memory and shades those on flash, the more used the higher
// or darker. Where there are fewer cells than experts or layers, one cell stands
// for several: their mean use, and the part of them in memory.
//
// # Caveats
//
// The package does no input or output, has no clock and keeps nothing: the same
// State and Look give the same lines. Names come from others and are cleaned of
// all that steers a terminal. Colours are of 24 bits, of a ramp whose lightness
// grows, so that it does without hues; a renderer may have to reduce them.
package screen
