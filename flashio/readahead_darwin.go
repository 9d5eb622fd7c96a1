package flashio

import "os"

func readAhead(*os.File) int { return 128 << 10 }
