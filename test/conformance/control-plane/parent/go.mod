module watershed.dev/test/parent

go 1.26
