module darkroom/contract

go 1.26
