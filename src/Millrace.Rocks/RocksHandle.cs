using Microsoft.Win32.SafeHandles;
using static Millrace.Rocks.Native;

namespace Millrace.Rocks;

/// <summary>
/// An open RocksDB. It is closed when it was disposed and nobody is inside it any more; who comes later gets an
/// <see cref="ObjectDisposedException"/>, where a bare pointer would end the process.
/// </summary>
internal sealed class RocksHandle : SafeHandleZeroOrMinusOneIsInvalid
{
    private readonly nint[] _families;

    /// <summary>What is open from here on.</summary>
    /// <param name="db">The database.</param>
    /// <param name="families">Its column families, closed with it.</param>
    public RocksHandle(nint db, nint[] families)
        : base(ownsHandle: true)
    {
        _families = families;
        ReadOptions = rocksdb_readoptions_create();
        WriteOptions = rocksdb_writeoptions_create();
        UnloggedOptions = rocksdb_writeoptions_create();
        rocksdb_writeoptions_disable_WAL(UnloggedOptions, 1);
        SetHandle(db);
    }

    public nint ReadOptions { get; }

    public nint WriteOptions { get; }

    /// <summary>For writes that need not outlive the process.</summary>
    public nint UnloggedOptions { get; }

    public nint Family(int ordinal) => _families[ordinal];

    protected override bool ReleaseHandle()
    {
        foreach (var family in _families)
        {
            rocksdb_column_family_handle_destroy(family);
        }
        rocksdb_close(handle);
        rocksdb_readoptions_destroy(ReadOptions);
        rocksdb_writeoptions_destroy(WriteOptions);
        rocksdb_writeoptions_destroy(UnloggedOptions);
        return true;
    }
}
