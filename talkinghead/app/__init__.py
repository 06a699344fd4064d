"""`talkinghead app`: a web page for people who do not write code. It wires; the work is the Python API's."""
