package job

// Original is the picture that an upscale begins with: its size in pixels, or why it cannot be used.
type Original struct {
	Width, Height int
	Problem       *FieldError
}

// enlarged is the size that comes out. A request may leave it out, or say just that.
func (v *validation) enlarged(r Request, original Original) (width, height int) {
	scale := *v.model.Scale
	width, height = original.Width*scale, original.Height*scale
	switch {
	case r.Image == nil:
		v.bad("/image", "Say which finished picture of yours %s begins with: its job, and its index.", v.model.Name)
		return 0, 0
	case original.Problem != nil:
		v.fields = append(v.fields, *original.Problem)
		return 0, 0
	case !v.model.Sizes.fit(width) || !v.model.Sizes.fit(height):
		s := v.model.Sizes
		v.bad("/image", "The picture has %d x %d pixels, and %s would make %d x %d of it; each must be a multiple of %d between %d and %d.",
			original.Width, original.Height, v.model.Name, width, height, s.MultipleOf, s.Min, s.Max)
		return 0, 0
	}
	v.same("/width", r.Width, width)
	v.same("/height", r.Height, height)
	return width, height
}

func (v *validation) same(path string, asked *int, comesOut int) {
	if asked != nil && *asked != comesOut {
		v.bad(path, "Leave it out: %d comes out, the picture's times %d.", comesOut, *v.model.Scale)
	}
}

func (s Sizes) fit(pixels int) bool {
	return pixels >= s.Min && pixels <= s.Max && pixels%s.MultipleOf == 0
}
