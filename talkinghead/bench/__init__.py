"""How long talkinghead takes on this machine: what `talkinghead bench` measures."""
