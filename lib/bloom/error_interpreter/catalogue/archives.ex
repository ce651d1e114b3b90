defmodule Bloom.ErrorInterpreter.Catalogue.Archives do
  @moduledoc "What the reader of archives finds, before anything is changed."

  use Bloom.ErrorInterpreter.Catalogue.Area, title: "Archives"

  @again "Copy it again; if that does not help, build it again."
  @foreign "Do not use it: no archive of `mix release` has that."

  @impl true
  def entries do
    [
      archive_not_found:
        {"there is no archive …", "The archive is not where Bloom looks for it.",
         "Copy `NAME-VERSION.tar.gz` from the build machine to `releases_dir`, under the name Mix gave it."},
      archive_unreadable:
        {"the archive … cannot be read by the user that the node runs as",
         "The archive is there, and belongs to somebody else.", "Give it to the node's user, or `chmod a+r` it."},
      damaged:
        {"the archive is damaged or incomplete (…): copy it again",
         "The gzip or tar data does not add up; a copy that was cut short, most likely.", @again},
      trailing_data:
        {"the archive has data after its end: copy it again, or build it again",
         "Something was appended to the archive.", @again},
      too_large:
        {"the archive unpacks to more than … allows (…), and a release is never that large",
         "A bound against archives that are made to fill the disk was passed.",
         "Do not use it unless it is yours; then find what got into the release by mistake and build it again."},
      unsafe_path:
        {"… cannot be a path of a release (…): do not use the archive, or rename the file and build again",
         "A path leads out of the root, or no file system would take it.",
         "Do not use it unless it is yours; then rename the file and build it again."},
      link:
        {"the archive holds the link …, and a release has none: build it with `mix release`",
         "A symbolic or hard link could lead anywhere.", "Build it with `mix release`, which packs files."},
      special_file:
        {"the archive holds …, which is neither file nor directory: do not use it", "A device or a pipe.", @foreign},
      setuid_bits:
        {"the archive holds … with setuid, setgid or sticky bits: do not use it",
         "A file would run with its owner's rights.", @foreign},
      duplicate:
        {"the archive holds … twice: build it again", "One path is there twice, so nobody can tell which counts.",
         "Build it again."},
      clash:
        {"the archive holds both … and …, which cannot lie beside each other: rename one and build it again",
         "Two names are one where case does not count, or a file lies where a directory has to be.",
         "Rename one of them and build it again."},
      unknown_entry:
        {"the archive holds …, which does not belong to the release: keep overlays below bin/",
         "A file lies at the top, in `releases/` or in `lib/` where no release has one.",
         "Keep overlays below `bin/`."},
      no_erts:
        {"the archive holds no erts-* directory: set include_erts: true for the release in mix.exs",
         "The release brings no Erlang of its own.", "Set `include_erts: true` and build it again."},
      no_manifest:
        {"the archive has no manifest of Bloom: add the build step to mix.exs",
         "It was built without `Bloom.Release.prepare/1`.", "Add the step as the message has it and build it again."},
      bad_manifest:
        {"the manifest of the release is not readable (…): build the archive again",
         "The manifest is there and is none.", "Build it again."},
      wrong_release:
        {"the archive is … …, not …: copy the right one, and keep the file name Mix gave it",
         "The content is another release or version than the file's name says.",
         "Copy the right archive and do not rename it."},
      altered:
        {"… is not as Bloom.Release.prepare left it: make that step the last one before :tar and build the archive again",
         "A file has another digest than the manifest: it was changed after the build step, or on the way.",
         "Make the step the last one before `:tar`. If it is, treat the archive as tampered with."},
      missing:
        {"… is missing from the archive: copy it again, or build it again",
         "The manifest names a file that is not there.", @again},
      differs:
        {"… is not as in the archive, and live files are never changed: build with the same Erlang/OTP as the running release",
         "A library of the same name and version lies on the node with other content.",
         "Build on the same Erlang/OTP and the same dependencies, or restore that directory from the archive it came from."},
      already_staged:
        {"release … is there already and its … is not as in the archive: remove that release first, or give the new one another version",
         "Another build of the same version is installed.",
         "Give each build a version of its own, or remove the installed one first."},
      same_version:
        {"it is release … as well, and a node that runs it refuses it",
         "Both archives of `mix bloom.plan` have one version.", "Give the release a new version in `mix.exs`."},
      rel_mismatch:
        {"its .rel and its manifest do not say the same", "The archive was put together from two builds.",
         "Build it again."},
      bad_beam:
        {"cannot read …: …; install the archive again", "A compiled module cannot be read.",
         "Install the archive again."},
      bad_term:
        {"cannot read …: …; build the release again", "A file that holds an Erlang term does not.",
         "Build the release again."},
      bad_name:
        {"… cannot be a … of a release: use letters, digits, dots, dashes, plus signs and underscores",
         "A name or version would not be safe as a part of a path.", "Choose another one in `mix.exs`."}
    ]
  end
end
