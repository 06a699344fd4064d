"""Sound in, motion out, window by window."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from talkinghead.models.joyvasa import encoder
from talkinghead.models.joyvasa.config import LEAD_SAMPLES, N_NUMBERS, SAMPLES_PER_FRAME, TAIL_SAMPLES, Config
from talkinghead.models.joyvasa.denoiser import Denoiser
from talkinghead.models.joyvasa.sampling import Noise, SeededNoise, cosine_schedule, sample

GUIDANCE = 2.0


class Generator(nn.Module):
    """The published networks under their published names."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.audio_encoder = encoder.build_hubert(config)
        self.audio_feature_map = nn.Linear(encoder.width_of(self.audio_encoder), config.width)
        self.denoising_net = Denoiser(config)
        self.start_audio_feat = nn.Parameter(torch.zeros(1, config.previous, config.width))
        self.start_motion_feat = nn.Parameter(torch.zeros(1, config.previous, N_NUMBERS))
        self.null_audio_feat = nn.Parameter(torch.zeros(1, 1, config.width))

    @property
    def device(self) -> torch.device:
        return self.null_audio_feat.device

    def hear(self, sound: Tensor) -> Tensor:
        """Windows of sound (B, 640 frames) at 16 kHz -> features (B, frames, width)."""
        out: Tensor = self.audio_feature_map(encoder.encode(self.audio_encoder, sound, self.config.frames))
        return out

    def denoise(self, motion: Tensor, features: Tensor, before: tuple[Tensor, Tensor], step: int) -> Tensor:
        """One evaluation: noisy motion (B, frames, 70) and its features (B, frames, width), with what was `before`.

        `before` are motion and features of the previous frames; the answer (B, previous + frames, 70) covers both.
        """
        motion_before, heard_before = before
        heard = self.denoising_net.heard(torch.cat([heard_before, features], 1))
        out: Tensor = self.denoising_net(torch.cat([motion_before, motion], 1), heard, step)
        return out

    def window(self, features: Tensor, before: tuple[Tensor, Tensor], noise: Noise, guidance: float) -> Tensor:
        """Sample the motion (1, frames, 70) of one window of features (1, frames, width).

        Classifier-free guidance (Ho and Salimans, 2022): both branches see the same past, one of them no sound.
        """
        motion_before, heard_before = (part.expand(2, -1, -1) for part in before)
        both = torch.cat([self.null_audio_feat.expand_as(features), features])
        heard = self.denoising_net.heard(torch.cat([heard_before, both], 1))

        def denoise(x: Tensor, step: int) -> Tensor:
            seen = torch.cat([motion_before, x.expand(2, -1, -1)], 1)
            null, full = self.denoising_net(seen, heard, step)[:, self.config.previous :].split(1)
            out: Tensor = null + guidance * (full - null)
            return out

        return sample(denoise, noise, cosine_schedule(self.config.steps), features.device)


class Stream:
    """Motion of a stream of sound, normalised as the network gives it: (T, 70) float32 arrays.

    `push` sound as it comes, `finish` for the rest. Two frames of silence lead: frame i belongs to the sound at
    (i - 2) / 25 s. In all there are floor((samples + 1920) / 640) frames.
    """

    def __init__(self, generator: Generator, *, seed: int = 0, guidance: float = GUIDANCE,
                 noise: Noise | None = None) -> None:  # fmt: skip
        self._generator, self._guidance = generator, guidance
        config = generator.config
        self._noise = noise or SeededNoise(seed, (1, config.frames, N_NUMBERS))
        self._before: tuple[Tensor, Tensor] = (generator.start_motion_feat, generator.start_audio_feat)
        self._waiting = np.zeros(LEAD_SAMPLES, np.float32)

    def push(self, sound: npt.NDArray[np.float32]) -> Iterator[npt.NDArray[np.float32]]:
        """Samples (N,) at 16 kHz in; the windows that they complete out."""
        self._waiting = np.concatenate([self._waiting, sound])
        size = self._generator.config.window_samples
        while len(self._waiting) >= size:
            window, self._waiting = self._waiting[:size], self._waiting[size:]
            yield self._window(window)

    def finish(self) -> Iterator[npt.NDArray[np.float32]]:
        """What is left after the last sample."""
        yield from self.push(np.zeros(TAIL_SAMPLES, np.float32))
        frames = len(self._waiting) // SAMPLES_PER_FRAME
        if frames:
            missing = self._generator.config.window_samples - len(self._waiting)
            yield self._window(np.pad(self._waiting, (0, missing)))[:frames]
        self._waiting = self._waiting[:0]

    @torch.inference_mode()
    def _window(self, sound: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        generator = self._generator
        features = generator.hear(torch.from_numpy(np.ascontiguousarray(sound))[None].to(generator.device))
        motion = generator.window(features, self._before, self._noise, self._guidance)
        previous = generator.config.previous
        self._before = (motion[:, -previous:], features[:, -previous:])
        return motion[0].float().cpu().numpy()
