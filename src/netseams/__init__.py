"""netseams: forced circuits and emergent subnetworks, under the same tests and controls."""
