package kernel

// tileRef is the tile in plain Go: c = load ? c : 0, plus A*B, then scale, bias,
// row bias and relu as the flags and slices say. It works two rows and four
// columns at a time.
func tileRef(m, n, k int, a []float32, lda int, b []float32, ldb int, c []float32, ldc int, flags uint64, alpha float32, bias, rowBias []float32) {
	for i := 0; i < m; i += 2 {
		i2 := min(i+1, m-1) // an odd last row is computed twice
		a0, a1 := a[i*lda:][:k], a[i2*lda:][:k]
		c0, c1 := c[i*ldc:][:n], c[i2*ldc:][:n]
		j := 0
		for ; j+4 <= n; j += 4 {
			var s, t [4]float32
			if flags&flagLoad != 0 {
				s, t = [4]float32(c0[j:]), [4]float32(c1[j:])
			}
			s0, s1, s2, s3 := s[0], s[1], s[2], s[3]
			t0, t1, t2, t3 := t[0], t[1], t[2], t[3]
			q := b[j:]
			for x, v := range a0 {
				r := q[x*ldb:][:4:4]
				u := a1[x]
				s0 += float32(v * r[0])
				s1 += float32(v * r[1])
				s2 += float32(v * r[2])
				s3 += float32(v * r[3])
				t0 += float32(u * r[0])
				t1 += float32(u * r[1])
				t2 += float32(u * r[2])
				t3 += float32(u * r[3])
			}
			copy(c0[j:], []float32{s0, s1, s2, s3})
			copy(c1[j:], []float32{t0, t1, t2, t3})
		}
		for ; j < n; j++ {
			var s, t float32
			if flags&flagLoad != 0 {
				s, t = c0[j], c1[j]
			}
			for x, v := range a0 {
				w := b[x*ldb+j]
				s += float32(v * w)
				t += float32(a1[x] * w)
			}
			c0[j], c1[j] = s, t
		}
	}
	for i := range m {
		row := c[i*ldc:][:n]
		for j, v := range row {
			if flags&flagScale != 0 {
				v *= alpha
			}
			if bias != nil {
				v += bias[j]
			}
			if rowBias != nil {
				v += rowBias[i]
			}
			if flags&flagRelu != 0 && v < 0 {
				v = 0
			}
			row[j] = v
		}
	}
}
