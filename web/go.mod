module darkroom/web

go 1.26.0
