//go:build linux || darwin || freebsd

package onnxio

import "golang.org/x/sys/unix"

// freeSpace is what an unprivileged process may still write in a folder. Some network file systems do not say.
func freeSpace(dir string) (n int64, known bool) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil || st.Blocks == 0 {
		return 0, false
	}
	return int64(st.Bavail) * int64(st.Bsize), true
}
