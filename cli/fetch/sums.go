package fetch

import (
	"crypto/sha256"
	"encoding"
	"encoding/hex"
	"fmt"
	"hash"
)

// sums takes a file's bytes in order and makes its manifest.
type sums struct {
	chunk  int64 // bytes
	done   int64 // bytes
	whole  hash.Hash
	last   hash.Hash // of the chunk that has not ended
	chunks []string
}

func newSums(chunk int64) *sums {
	return &sums{chunk: chunk, whole: sha256.New(), last: sha256.New()}
}

// Write never fails.
func (s *sums) Write(p []byte) (int, error) {
	n := len(p)
	s.whole.Write(p)
	for len(p) > 0 {
		now := min(int64(len(p)), s.chunk-s.done%s.chunk)
		s.last.Write(p[:now])
		s.done += now
		p = p[now:]
		if s.done%s.chunk == 0 {
			s.chunks = append(s.chunks, hexSum(s.last))
			s.last.Reset()
		}
	}
	return n, nil
}

// manifest is that of all bytes so far.
func (s *sums) manifest() *Manifest {
	m := &Manifest{Version: manifestVersion, Size: s.done, Chunk: s.chunk, SHA256: hexSum(s.whole), Chunks: append([]string{}, s.chunks...)}
	if s.done%s.chunk > 0 {
		m.Chunks = append(m.Chunks, hexSum(s.last))
	}
	return m
}

func hexSum(h hash.Hash) string { return hex.EncodeToString(h.Sum(nil)) }

// sumsState is sums put down, to go on in another process.
type sumsState struct {
	Chunk  int64    `json:"chunk"`
	Done   int64    `json:"done"`
	Whole  []byte   `json:"whole"`
	Last   []byte   `json:"last"`
	Chunks []string `json:"chunks"`
}

func (s *sums) state() (sumsState, error) {
	whole, err := s.whole.(encoding.BinaryMarshaler).MarshalBinary()
	if err != nil {
		return sumsState{}, err
	}
	last, err := s.last.(encoding.BinaryMarshaler).MarshalBinary()
	return sumsState{Chunk: s.chunk, Done: s.done, Whole: whole, Last: last, Chunks: s.chunks}, err
}

func (st sumsState) sums() (*sums, error) {
	if st.Chunk < 1 || st.Done < 0 || int64(len(st.Chunks)) != st.Done/st.Chunk {
		return nil, fmt.Errorf("checksums of %d chunks of %d bytes, %d bytes done", len(st.Chunks), st.Chunk, st.Done)
	}
	s := newSums(st.Chunk)
	s.done, s.chunks = st.Done, st.Chunks
	for _, sum := range st.Chunks {
		if err := CheckSum(sum); err != nil {
			return nil, err
		}
	}
	if err := s.whole.(encoding.BinaryUnmarshaler).UnmarshalBinary(st.Whole); err != nil {
		return nil, err
	}
	return s, s.last.(encoding.BinaryUnmarshaler).UnmarshalBinary(st.Last)
}
