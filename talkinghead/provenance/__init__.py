"""What a file says of its own making: written into what is made, and read from any file.

xmp         that it is synthetic, in IPTC's words, and by which software
containers  where XMP and C2PA stand in each kind of file: put there, and found
signing     a C2PA manifest, signed with a certificate
making      what is written of one result, from whatever it was made of
reading     what a C2PA manifest says, and whether it is valid
"""
