package main

import command "watershed.dev/test/kubectl"

func main() { command.Run() }
