using System.Text.Json;

namespace Millrace;

/// <summary>
/// The runtime's own records in the logs: their durable type names and bodies. Decide forwards ticks, settings, code and the end of all
/// snapshots into the event log, and routers broadcast them to every partition of a feed, so that whatever stands below sees them in order.
/// </summary>
internal static class Controls
{
    /// <summary>Time passed: the record's time is a watermark. No body.</summary>
    public static ReadOnlySpan<byte> Tick => "millrace.tick"u8;

    /// <summary>Settings from here on: <see cref="SettingsRecord"/>.</summary>
    public static ReadOnlySpan<byte> Settings => "millrace.settings"u8;

    /// <summary>The deciding code from here on: <see cref="CodeRecord"/>.</summary>
    public static ReadOnlySpan<byte> Code => "millrace.code"u8;

    /// <summary>A snapshot of a table begins: <see cref="SnapshotMark"/>.</summary>
    public static ReadOnlySpan<byte> SnapshotBegan => "millrace.snapshot-began"u8;

    /// <summary>A snapshot has shown every row of a table: <see cref="SnapshotMark"/>.</summary>
    public static ReadOnlySpan<byte> SnapshotEnded => "millrace.snapshot-ended"u8;

    /// <summary>A table was emptied: <see cref="SnapshotMark"/>, with a position header.</summary>
    public static ReadOnlySpan<byte> Truncated => "millrace.truncated"u8;

    /// <summary>The first snapshot of the application's tables begins: timers hold. No body.</summary>
    public static ReadOnlySpan<byte> SnapshotsBegan => "millrace.snapshots-began"u8;

    /// <summary>Every table has been snapshotted: timers that held may fire. No body.</summary>
    public static ReadOnlySpan<byte> SnapshotsEnded => "millrace.snapshots-ended"u8;

    /// <summary>Changes of reference rows, in every partition: the body is that of a command made of changes.</summary>
    public static ReadOnlySpan<byte> Reference => "millrace.reference"u8;

    /// <summary>An operator retries what is parked under the key: <see cref="OperatorRecord"/>.</summary>
    public static ReadOnlySpan<byte> Retry => "millrace.retry"u8;

    /// <summary>An operator skips what stands first under the parked key: <see cref="OperatorRecord"/>.</summary>
    public static ReadOnlySpan<byte> Skip => "millrace.skip"u8;

    /// <summary>An operator erases the entity of the key: <see cref="OperatorRecord"/>. Below the command log: its key or subject was erased; no body.</summary>
    public static ReadOnlySpan<byte> Erased => "millrace.erased"u8;

    /// <summary>Another generation is live from here on: <see cref="FenceRecord"/>. It goes into the event logs at the same place.</summary>
    public static ReadOnlySpan<byte> Fence => "millrace.fence"u8;

    /// <summary>
    /// The command log has more partitions from here on: <see cref="GrownRecord"/>. In an event log: the events of the entities that left a partition are
    /// decided by another one from here on.
    /// </summary>
    public static ReadOnlySpan<byte> Grown => "millrace.grown"u8;

    /// <summary>State of entities that a partition hands over to another: key and value, each after their lengths.</summary>
    public static ReadOnlySpan<byte> State => "millrace.state"u8;

    /// <summary>A partition has handed over everything: <see cref="HandedOver"/>.</summary>
    public static ReadOnlySpan<byte> HandedOver => "millrace.handed-over"u8;

    /// <summary>Whether it is a deed of an operator.</summary>
    public static bool IsDeed(ReadOnlySpan<byte> type) => type.SequenceEqual(Retry) || type.SequenceEqual(Skip);

    /// <summary>Whether a control is broadcast below the command log.</summary>
    public static bool Travels(ReadOnlySpan<byte> type) =>
        type.SequenceEqual(Tick)
        || type.SequenceEqual(Settings)
        || type.SequenceEqual(Code)
        || type.SequenceEqual(SnapshotsBegan)
        || type.SequenceEqual(SnapshotsEnded);
}

internal sealed record SnapshotMark(string Table, int Snapshot);

internal sealed record SettingsRecord(string Type, JsonElement Value)
{
    /// <summary>The durable name of a settings type.</summary>
    public static string NameOf(Type type) => type.Name;
}

internal sealed record CodeRecord(string Hash);

/// <summary>Where one generation ends and another begins.</summary>
/// <param name="Generation">The one that is live from here on.</param>
/// <param name="From">The one that was live up to here.</param>
/// <param name="Code">The hash of the code of the one that is live from here on.</param>
/// <param name="Reason">Why.</param>
/// <param name="By">Who.</param>
internal sealed record FenceRecord(int Generation, int From, string Code, string Reason, string? By);

/// <summary>How many partitions the command log has had, in each epoch.</summary>
/// <param name="Partitions">The numbers, the first and the newest among them.</param>
/// <param name="From">In an event log: the partition of the command log whose entities leave.</param>
internal sealed record GrownRecord(int[] Partitions, int? From = null);

/// <summary>The last that a partition hands over to another: what it knows beside its entities.</summary>
/// <param name="From">The partition.</param>
/// <param name="Partitions">The numbers of partitions up to the epoch that it hands over for.</param>
/// <param name="Applied">The highest source position it had applied.</param>
/// <param name="Time">The latest time of its records.</param>
/// <param name="Whole">How often every table had been shown whole.</param>
/// <param name="Snapshots">By table, the snapshot that began last.</param>
/// <param name="Tables">The numbers of the tables in the state's keys.</param>
/// <param name="References">The numbers of the reference tables.</param>
/// <param name="Live">The generation that was live.</param>
internal sealed record HandedOver(
    int From,
    int[] Partitions,
    byte[] Applied,
    long Time,
    int Whole,
    Dictionary<string, int> Snapshots,
    string[] Tables,
    string[] References,
    int Live
);

/// <summary>What an operator does, with who and why.</summary>
/// <param name="Reason">Why.</param>
/// <param name="By">Who.</param>
/// <param name="Of">The view or reaction; null for the aggregate whose command log it is.</param>
/// <param name="At">The command or event it stood at when the operator saw it: one that stands elsewhere meanwhile is left alone. Null for any.</param>
internal sealed record OperatorRecord(string Reason, string? By = null, string? Of = null, string? At = null);

/// <summary>The decision on a native command, in the outcome log under the entity's id; the record's id is the command's.</summary>
internal sealed record OutcomeRecord(string? Rejected, int Events, long Sequence);

/// <summary>Why an entity is held: parked by an exception, or waiting for a reference row.</summary>
internal sealed record HeldEntity(string Reason, string CommandId, bool Parked, int Waiting, string? Table = null, string? Key = null);
