defmodule Bloom.ErrorInterpreter.Catalogue.Promised do
  @moduledoc "The five messages that are kept to the letter."

  use Bloom.ErrorInterpreter.Catalogue.Area, title: "The five that are promised"

  @impl true
  def entries do
    [
      invalid_version:
        {"Invalid version format: …. Expected format: X.Y.Z or X.Y.Z-suffix",
         "What was given is no version as `mix.exs` has them.", "Give the version of the release, as in `\"1.2.3\"`."},
      release_not_found:
        {"Release not found - ensure release is properly installed", "The node knows no release of that version.",
         "Copy its archive to `releases/` and install it; `list_releases` shows what there is."},
      invalid_relup:
        {"Invalid release upgrade file - check release compatibility",
         "There are no sound instructions from the one release to the other; the suggestion and the log say why.",
         "Look at the hand-written `.appup` files of the release. Without them Bloom makes its own. `mode: :restart` does without."},
      insufficient_disk_space:
        {"Insufficient disk space. Required: …MB, Available: …MB",
         "The disk of the releases has not the room that is needed.",
         "Remove old releases (`remove_release`, `Bloom.LifecycleManager.cleanup/1`) or other files, or lower `min_disk_space_mb`."},
      otp_too_old:
        {"OTP version … is below minimum required …",
         "The release brings, or the node runs, an older OTP than `min_otp_version`.",
         "Build the release with that OTP or a newer one, or lower `min_otp_version`."}
    ]
  end
end
