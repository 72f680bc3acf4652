# Which alleles of a tumour are somatic: by the reads of tumour and normal alone (data_modules/ingest/reads/somatic.py). Mutect2's
# calls come filtered and only get the header's ##tumor_sample.
rule filter_somatic:
    input:
        "work/normalised/somatic/{tumour}.vcf.gz",
    output:
        "work/filtered/somatic/{tumour}.vcf.gz",
    log:
        "logs/filter_somatic/{tumour}.log",
    params:
        python=config["python"],
        names=lambda wildcards: ["--tumour", wildcards.tumour]
        + (["--normal", NORMAL[wildcards.tumour]] if NORMAL[wildcards.tumour] else []),
        how=["--called"]
        if CALLER == "gatk"
        else [part for key, value in config["somatic"].items() for part in (f"--{key.replace('_', '-')}", str(value))],
    shell:
        "{params.python:q} -m data_modules.ingest.reads.steps.filter_somatic {params.names:q} {params.how:q}"
        " {input:q} {output:q} 2> {log:q}"
