// Package testmodels builds small seeded models for tests and tools, and finds the reference data beside the checkout.
//
// It is imported by tests and by the command, never by the library packages.
package testmodels
