using System.IO.Hashing;
using System.Text;

namespace Millrace;

/// <summary>A record that has found no partner.</summary>
internal sealed record UnpairedRecord(string Id, string Causation, string Type, string Key, long Time, UInt128 Content, bool IsRecorded);

/// <summary>Two records have one id.</summary>
/// <param name="same">Whether they say the same.</param>
/// <param name="type">The type of the one in hand.</param>
/// <param name="record">The one in hand.</param>
/// <param name="kept">The one that was kept.</param>
/// <param name="isRecorded">Whether the one in hand is the recorded one.</param>
internal delegate void Pairing(bool same, string type, in ReplayedRecord record, UnpairedRecord kept, bool isRecorded);

/// <summary>
/// Records of both sides that wait for their partner, by id. When there are too many for the memory they go to files, by the id's hash, and are
/// brought together at the end.
/// </summary>
internal sealed class UnpairedRecords(Pairing paired, Action<UnpairedRecord> alone, int mostInMemory) : IDisposable
{
    private const int Files = 64;

    private readonly Dictionary<UInt128, UnpairedRecord> _kept = [];
    private BinaryWriter[]? _files;
    private string? _folder;

    /// <summary>Brings a record together with its partner, where that is kept.</summary>
    public bool TryPair(in ReplayedRecord record, bool isRecorded)
    {
        var names = new RecordNames(record.Headers);
        if (_kept.Count == 0 || !_kept.TryGetValue(XxHash128.HashToUInt128(names.Id), out var kept) || kept.IsRecorded == isRecorded)
        {
            return false;
        }
        _kept.Remove(XxHash128.HashToUInt128(names.Id));
        paired(kept.Content == record.Content(), kept.Type, record, kept, isRecorded);
        return true;
    }

    /// <summary>Keeps a record until its partner comes.</summary>
    public void Keep(in ReplayedRecord record, bool isRecorded)
    {
        var names = new RecordNames(record.Headers);
        _kept[XxHash128.HashToUInt128(names.Id)] = new UnpairedRecord(
            Encoding.UTF8.GetString(names.Id),
            Encoding.UTF8.GetString(names.Causation),
            Encoding.UTF8.GetString(names.Type),
            Encoding.UTF8.GetString(record.Key),
            record.Time,
            record.Content(),
            isRecorded
        );
        if (_kept.Count >= mostInMemory)
        {
            MoveOut();
        }
    }

    /// <summary>No more come: those that are left are alone.</summary>
    public void Complete()
    {
        if (_files is null)
        {
            foreach (var record in _kept.Values)
            {
                alone(record);
            }
            _kept.Clear();
            return;
        }
        MoveOut();
        foreach (var file in _files)
        {
            file.Flush();
            file.BaseStream.Position = 0;
            PairAll(new BinaryReader(file.BaseStream), file.BaseStream.Length);
        }
    }

    public void Dispose()
    {
        if (_files is not null)
        {
            foreach (var file in _files)
            {
                file.Dispose();
            }
            Directory.Delete(_folder!, recursive: true);
        }
    }

    private void PairAll(BinaryReader reader, long length)
    {
        var kept = new Dictionary<string, UnpairedRecord>(StringComparer.Ordinal);
        while (reader.BaseStream.Position < length)
        {
            var record = Read(reader);
            if (!kept.Remove(record.Id, out var other))
            {
                kept.Add(record.Id, record);
            }
            else
            {
                var (recorded, replayed) = record.IsRecorded ? (record, other) : (other, record);
                paired(recorded.Content == replayed.Content, recorded.Type, default, recorded, isRecorded: false);
            }
        }
        foreach (var record in kept.Values)
        {
            alone(record);
        }
    }

    private void MoveOut()
    {
        if (_files is null)
        {
            _folder = Directory.CreateTempSubdirectory("millrace-unpaired-").FullName;
            _files = [.. Enumerable.Range(0, Files).Select(i => new BinaryWriter(File.Create(Path.Combine(_folder, $"{i}"), 16 << 10)))];
        }
        foreach (var (hash, record) in _kept)
        {
            Write(_files[(int)(hash % Files)], record);
        }
        _kept.Clear();
    }

    private static void Write(BinaryWriter file, UnpairedRecord record)
    {
        file.Write(record.Id);
        file.Write(record.Causation);
        file.Write(record.Type);
        file.Write(record.Key);
        file.Write(record.Time);
        file.Write((ulong)(record.Content >> 64));
        file.Write((ulong)record.Content);
        file.Write(record.IsRecorded);
    }

    private static UnpairedRecord Read(BinaryReader file) =>
        new(
            file.ReadString(),
            file.ReadString(),
            file.ReadString(),
            file.ReadString(),
            file.ReadInt64(),
            new UInt128(file.ReadUInt64(), file.ReadUInt64()),
            file.ReadBoolean()
        );
}
