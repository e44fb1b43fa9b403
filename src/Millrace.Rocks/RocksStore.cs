using System.Runtime.InteropServices;
using Millrace.Engines;
using static Millrace.Rocks.Native;

namespace Millrace.Rocks;

/// <summary>One open RocksDB with the settings this engine wants.</summary>
internal sealed unsafe class RocksStore : IDisposable
{
    private const int NoCompression = 0;
    private const int Lz4 = 4;
    private const int InfoLogErrors = 3;

    private readonly string _folder;
    private readonly RocksHandle _db;
    private volatile bool _disposed;

    /// <summary>Opens a folder, or makes it.</summary>
    /// <param name="folder">Where.</param>
    /// <param name="families">Its column families, by their ordinals; the first is "default".</param>
    /// <param name="writeBufferBytes">The write buffer of a family that says none.</param>
    /// <param name="blockCacheBytes">The cache of blocks read, for all families.</param>
    /// <param name="readOnly">
    /// Opens what is there, beside the process that writes it: one moment of it, which does not move on. Nothing is written, not even a log of its own.
    /// </param>
    public RocksStore(string folder, IReadOnlyList<Family> families, long writeBufferBytes, long blockCacheBytes, bool readOnly = false)
    {
        _folder = folder;
        var cache = rocksdb_cache_create_lru((nuint)blockCacheBytes);
        var database = rocksdb_options_create();
        rocksdb_options_set_create_if_missing(database, readOnly ? (byte)0 : (byte)1);
        rocksdb_options_set_create_missing_column_families(database, readOnly ? (byte)0 : (byte)1);
        // The write-ahead log is written out by whoever flushes it: one write and one fsync for all commits of an interval.
        rocksdb_options_set_manual_wal_flush(database, 1);
        rocksdb_options_set_max_background_jobs(database, Math.Max(2, Environment.ProcessorCount));
        rocksdb_options_set_max_total_wal_size(database, (ulong)writeBufferBytes * 6);
        rocksdb_options_set_info_log_level(database, InfoLogErrors);
        rocksdb_options_set_keep_log_file_num(database, 4);
        rocksdb_options_set_max_log_file_size(database, 4 << 20);
        rocksdb_options_set_avoid_unnecessary_blocking_io(database, 1);
        // Commits come one at a time, so inserting needs no concurrent memtable.
        rocksdb_options_set_allow_concurrent_memtable_write(database, 0);
        // Large files are written out as they grow, so that an fsync of the log does not queue behind them.
        rocksdb_options_set_bytes_per_sync(database, 1 << 20);
        var options = new nint[families.Count];
        var names = new nint[families.Count];
        foreach (var family in families)
        {
            names[family.Ordinal] = Marshal.StringToCoTaskMemUTF8(family.Name);
            options[family.Ordinal] = Options(family, writeBufferBytes, cache);
        }
        nint error = 0;
        nint db;
        var opened = new nint[families.Count];
        fixed (
            nint* n = names,
                o = options,
                f = opened
        )
        {
            db = readOnly
                ? rocksdb_open_for_read_only_column_families(database, folder, names.Length, n, o, f, 0, &error)
                : rocksdb_open_column_families(database, folder, names.Length, n, o, f, &error);
        }
        foreach (var name in names)
        {
            Marshal.FreeCoTaskMem(name);
        }
        foreach (var family in options)
        {
            rocksdb_options_destroy(family);
        }
        rocksdb_options_destroy(database);
        rocksdb_cache_destroy(cache);
        Check(error, "open");
        _db = new RocksHandle(db, opened);
    }

    public nint Handle(Family family) => _db.Family(family.Ordinal);

    /// <summary>About how many bytes of files a range takes.</summary>
    public long ApproximateSize(Family family, ReadOnlySpan<byte> from, ReadOnlySpan<byte> to)
    {
        nint error = 0;
        ulong size = 0;
        fixed (
            byte* first = from,
                last = to
        )
        {
            var begin = first;
            var end = last;
            nuint beginLength = (nuint)from.Length,
                endLength = (nuint)to.Length;
            rocksdb_approximate_sizes_cf(_db, Handle(family), 1, &begin, &beginLength, &end, &endLength, &size, &error);
        }
        Check(error, "measure");
        return (long)size;
    }

    public void Write(WriteBatch batch) => Write(batch, _db.WriteOptions);

    /// <summary>Writes what need not outlive the process.</summary>
    public void WriteUnlogged(WriteBatch batch) => Write(batch, _db.UnloggedOptions);

    private void Write(WriteBatch batch, nint options)
    {
        nint error = 0;
        rocksdb_write(_db, options, batch.Handle, &error);
        Check(error, "write to");
    }

    /// <summary>Writes the log out and, when asked, waits until the disk has it.</summary>
    public void FlushLog(bool sync)
    {
        nint error = 0;
        rocksdb_flush_wal(_db, sync ? (byte)1 : (byte)0, &error);
        Check(error, "sync");
    }

    /// <summary>Reads a key into a buffer, which grows as needed.</summary>
    /// <returns>The value's length, or -1 where the key is not there.</returns>
    public int Get(Family family, ReadOnlySpan<byte> key, ref byte[] buffer)
    {
        ObjectDisposedException.ThrowIf(_disposed, typeof(RocksStore));
        while (true)
        {
            nuint length;
            byte found;
            nint error = 0;
            byte fits;
            fixed (
                byte* k = key,
                    b = buffer
            )
            {
                fits = rocksdb_get_into_buffer_cf(
                    _db,
                    _db.ReadOptions,
                    Handle(family),
                    k,
                    (nuint)key.Length,
                    b,
                    (nuint)buffer.Length,
                    &length,
                    &found,
                    &error
                );
            }
            Check(error, "read from");
            if (found == 0)
            {
                return -1;
            }
            if (fits != 0)
            {
                return (int)length;
            }
            buffer = GC.AllocateUninitializedArray<byte>((int)length);
        }
    }

    /// <summary>A view of what is stored now. It keeps the store open until it is disposed.</summary>
    public RocksIterator Iterate(Family family)
    {
        ObjectDisposedException.ThrowIf(_disposed, typeof(RocksStore));
        var held = false;
        _db.DangerousAddRef(ref held);
        return new RocksIterator(this, rocksdb_create_iterator_cf(_db, _db.ReadOptions, Handle(family)));
    }

    /// <summary>
    /// A view of a range of what is stored now. The bounds keep it from looking beyond the range for a key that is not deleted: behind a
    /// queue that was emptied there may be a hundred thousand deletions.
    /// </summary>
    public RocksIterator Iterate(Family family, ReadOnlySpan<byte> from, ReadOnlySpan<byte> to)
    {
        ObjectDisposedException.ThrowIf(_disposed, typeof(RocksStore));
        var held = false;
        _db.DangerousAddRef(ref held);
        var bounds = new RangeBounds(from, to);
        return new RocksIterator(this, rocksdb_create_iterator_cf(_db, bounds.ReadOptions, Handle(family)), bounds);
    }

    /// <summary>An iterator is gone.</summary>
    public void Release() => _db.DangerousRelease();

    /// <summary>Closes it when nobody is inside any more.</summary>
    public void Dispose()
    {
        _disposed = true;
        _db.Dispose();
    }

    private static nint Options(Family family, long writeBufferBytes, nint cache)
    {
        var options = rocksdb_options_create();
        var table = rocksdb_block_based_options_create();
        rocksdb_block_based_options_set_block_cache(table, cache);
        rocksdb_block_based_options_set_filter_policy(table, rocksdb_filterpolicy_create_ribbon(10));
        rocksdb_options_set_block_based_table_factory(options, table);
        rocksdb_block_based_options_destroy(table);
        rocksdb_options_set_write_buffer_size(options, (nuint)(family.WriteBufferBytes ?? writeBufferBytes));
        rocksdb_options_set_max_write_buffer_number(options, 4);
        rocksdb_options_set_compression(options, family.Compressed ? Lz4 : NoCompression);
        if (family.InBlobs)
        {
            rocksdb_options_set_enable_blob_files(options, 1);
            rocksdb_options_set_min_blob_size(options, 256);
            rocksdb_options_set_blob_file_size(options, 256 << 20);
            rocksdb_options_set_blob_compression_type(options, Lz4);
        }
        return options;
    }

    /// <summary>Turns RocksDB's error into one that says what to do.</summary>
    public void Check(nint error, string verb)
    {
        if (error == 0)
        {
            return;
        }
        var message = Marshal.PtrToStringUTF8(error) ?? "unknown error";
        rocksdb_free(error);
        throw new EngineException(
            message.Contains("No space left", StringComparison.OrdinalIgnoreCase)
                ? $"Could not {verb} '{_folder}': the disk is full ({message}). Make room on it and start again."
                : $"Could not {verb} '{_folder}': {message}."
        );
    }
}
