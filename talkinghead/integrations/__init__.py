"""Faces for programs of other people: voice agents built with LiveKit or Pipecat."""
