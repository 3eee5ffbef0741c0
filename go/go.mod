module longline

go 1.24
