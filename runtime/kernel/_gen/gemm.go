package main

func gemmFamily() {}
