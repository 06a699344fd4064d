"""The same networks rearranged for speed: what they compute is unchanged but for rounding.

- norms folded into the convolutions that carry them (`fold`);
- convolutions over nearest-upsampled maps taken at the low resolution, phase by phase (`upsampled`);
- translations sampled as three small matrix products, the deformation as one weighted gather (`sampling`);
- on a CPU in single precision, convolutions with many channels filtered minimally (`filtered`, which `Engine` calls);
- channels last and padded to multiples of 16, which matrix units want.
"""
